"""What `make config` writes: config.yaml, the tables of config/README.md and schema.json, as text.

It all comes from the fields of the models and from `experiments`, but the data sets of config.yaml, which are
written by hand.
"""

import json
import re
import textwrap

from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from .. import methods
from ..utils.settings import Strict
from .datasets import (
    STEPS,
    Annotations,
    Copy,
    Dataset,
    FeatureFiles,
    Points,
    Remote,
    Snippet,
    VideoNames,
    Videos,
)
from .experiments import NOTES, TABLES, Experiment
from .schema import MODELS, Config, Report, Settings, settings_of

WIDTH, COMMENT = 120, 31  # of a line of config.yaml; the column in which comments begin
GENERATED = "# `make config` writes the rest of this file from the code, where a default is changed."

# The tables of config/README.md, by the names of their places there: a model, and what its keys begin with.
PLACES = {
    "config": (Config, ""),
    "dataset": (Dataset, ""),
    "snippet": (Snippet, "snippet."),
    "features": (FeatureFiles, "features."),
    "videos": (Videos, "features."),
    "annotations": (Annotations, "annotations."),
    "points": (Points, "points."),
    "names": (VideoNames, "names."),
    "fetch": (Remote, ""),
    "copy": (Copy, ""),
    "experiment": (Experiment, ""),
    "report": (Report, "report."),
}
KINDS = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "string",
    "null": "`null`",
    "object": "dictionary",
}


def fields(model: type[Strict]) -> dict[str, FieldInfo]:
    """The fields of a model by their keys, those of its own before those that it shares with others."""
    shared = {name for base in model.__bases__ for name in getattr(base, "model_fields", {})}
    names = sorted(model.model_fields, key=lambda name: name in shared)
    return {model.model_fields[name].alias or name: model.model_fields[name] for name in names}


def default_of(field: FieldInfo):
    """A field's default, as plain values."""
    return field.default.model_dump() if isinstance(field.default, Strict) else field.default


def default_model(step: str) -> type[Strict]:
    """The model of a step's settings, of the default method where it has several."""
    return settings_of(step)[methods.default(step)] if step in methods.STAGES else MODELS[step]


def other_models(step: str) -> dict[str, type[Strict]]:
    """Method -> the model of a step's settings, for all methods but the default one."""
    if step not in methods.STAGES:
        return {}
    return {method: model for method, model in settings_of(step).items() if method != methods.default(step)}


# config.yaml


def flow(value) -> str:
    """A value as YAML in one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {flow(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, str) and value:
        return value
    return json.dumps(value)


def number(value: float) -> str:
    """A number as YAML reads it: 1.0e-3, for to YAML 1e-3 is text."""
    if not 0 < abs(value) < 0.01:
        return str(value)
    mantissa, exponent = f"{value:.14e}".split("e")
    return f"{float(mantissa)}e{int(exponent)}"


def commented(line: str, comment: str) -> list[str]:
    """A line with a comment behind it or, if it does not fit there, above."""
    if not comment:
        return [line]
    whole = f"{line:<{COMMENT - 2}}  # {comment}"
    if len(whole) <= WIDTH:
        return [whole]
    indent = " " * (len(line) - len(line.lstrip()))
    return [f"{indent}# {comment}", line]


def entry(key: str, value, indent: int, comment: str = "") -> list[str]:
    """A key and its value: in one line, or a dictionary that does not fit there in a line per key."""
    line = f"{' ' * indent}{key}: {flow(value)}"
    if not isinstance(value, dict) or len(line) <= WIDTH:
        return commented(line, comment)
    lines = [line for each in value for line in entry(each, value[each], indent + 2)]
    return [*commented(f"{' ' * indent}{key}:", comment), *lines]


def table(name: str) -> list[str]:
    """A table of `experiments`, a key per line."""
    lines = [f"{name}:"]
    for key, value in TABLES[name].items():
        if name == "variants":
            lines += [f"  {key}:"]
            lines += [line for variant in value for line in entry(variant, value[variant], 4)]
        else:
            lines += entry(key, value, 2, NOTES.get(name, {}).get(key, ""))
    return lines


def settings() -> list[str]:
    """The settings of every step; those of other methods than the default one as comments."""
    lines = ["settings:"]
    for step in MODELS:
        lines += [f"  {step}:"]
        for key, field in fields(default_model(step)).items():
            lines += entry(key, default_of(field), 4, field.description)
        for method, model in other_models(step).items():
            lines += ["", f"    # A variant of `method: {method}` has these settings instead:"]
            for key, field in fields(model).items():
                lines += entry(f"# {key}", default_of(field), 4, field.description)
        lines += [""]
    return lines[:-1]


def yaml_text(text: str) -> str:
    """config.yaml anew; text: the file as it is, of which the data sets, on top, stay."""
    by_hand = text.partition(GENERATED)[0]
    simple, tables = [], []
    for key, field in fields(Config).items():
        if key in TABLES or key == "settings":
            lines = settings() if key == "settings" else table(key)
            sentence = f"{field.description[0].upper()}{field.description[1:]}."
            tables += ["", *(f"# {line}" for line in textwrap.wrap(sentence, WIDTH - 10)), *lines]
        elif key != "datasets":
            simple += entry(key, default_of(field), 0, field.description)
    return by_hand + "\n".join([GENERATED, "", *simple, *tables, ""])


# config/README.md


def kind(schema: dict, definitions: dict) -> str:
    """What values a JSON schema admits, in words."""
    if "$ref" in schema:
        keys = definitions[schema["$ref"].rsplit("/", 1)[-1]]["properties"]
        return f"`{{{', '.join(keys)}}}`"
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(kind(each, definitions) for each in schema[union])
    if schema["type"] == "array":
        items = kind(schema["items"], definitions)
        return f"list of {items}" if items.endswith("`") else f"list of {items}s"
    return KINDS[schema["type"]]


def shown(model: type[Strict], key: str, field: FieldInfo) -> str:
    """A field's default, as it stands in a table."""
    if field.is_required():
        return "required"
    value = default_of(field)
    if model is Config and key in TABLES:
        return "in `config.yaml`"
    if isinstance(value, dict) and not all(isinstance(each, float) for each in value.values()):
        return "see below"
    if isinstance(value, list) and len(value) > 3:
        return f"{value[0]} ... {value[-1]}"
    return f"`{flow(value)}`"


def key_table(model: type[Strict], prefix: str) -> list[str]:
    """The table of a model's keys."""
    return ["| key | values | default | meaning |", "| --- | --- | --- | --- |", *rows(model, prefix)]


def rows(model: type[Strict], prefix: str) -> list[str]:
    """The rows of a model's keys."""
    schema = model.model_json_schema()
    lines = []
    for key, field in fields(model).items():
        values = kind(schema["properties"][key], schema.get("$defs", {}))
        meaning = re.sub(r"\(docs/([\w-]+\.md)\)", r"([docs/\1](../docs/\1))", field.description)
        lines += [f"| `{prefix}{key}` | {values} | {shown(model, key, field)} | {meaning} |"]
    return lines


def places() -> dict[str, list[str]]:
    """What stands in each place of config/README.md, by its name there."""
    texts = {name: key_table(model, prefix) for name, (model, prefix) in PLACES.items()}
    texts["settings"] = key_table(Settings, "")[:2]
    texts["methods"] = []
    for step in MODELS:
        texts["settings"] += rows(default_model(step), f"{step}.")
        for method, model in other_models(step).items():
            texts["methods"] += [
                f"Of `{step}`, with `method: {method}`:",
                "",
                *key_table(model, f"{step}."),
                "",
            ]
    return texts


def readme_text(text: str) -> str:
    """config/README.md anew; text: the file as it is, of which all but the tables stays."""
    for name, lines in places().items():
        before, start, after = text.partition(f"<!-- make config: {name} -->\n")
        _, end, after = after.partition("<!-- end -->\n")
        if not end:
            raise ValueError(f"config/README.md: no place for the table {name!r}")
        text = "".join([before, start, *(f"{line}\n" for line in lines), end, after])
    return text


# schema.json


class Untitled(GenerateJsonSchema):
    """Generates schemas whose fields have no title beside their key."""

    def field_title_should_be_set(self, schema) -> bool:
        """Whether a field has a title: it never has."""
        return False


def schema_text() -> str:
    """The JSON schema of a configuration, by which editors complete and check it.

    It knows more than the models say: what overlays a step's settings has their keys, and null removes an
    entry of a table.
    """
    schema = Config.model_json_schema(schema_generator=Untitled)
    definitions = schema["$defs"]
    defaults = {None, *map(methods.default, methods.STAGES)}
    for definition in definitions.values():
        if definition["properties"].get("method", {}).get("const") not in defaults:
            definition["required"] = ["method"]
    del definitions["Experiment"]["required"]  # an entry may overlay one of the code
    del schema["properties"]["settings"]["default"]
    name = schema["properties"]["settings"]["$ref"].rsplit("/", 1)[-1]
    overlays = {
        step: {key: field[key] for key in ("$ref", "oneOf") if key in field}
        for step, field in definitions[name]["properties"].items()
    }
    dataset = definitions["Dataset"]["properties"]
    dataset["settings"] |= {"properties": overlays, "additionalProperties": False}
    dataset["variants"] |= by_variant(overlays)
    schema["properties"]["variants"] |= by_variant({step: or_null(each) for step, each in overlays.items()})
    for key in TABLES:
        table = schema["properties"][key]
        for name, each in table.get("patternProperties", {}).items():
            table["patternProperties"][name] = or_null(each)
        schema["properties"][key] = or_null(table)
    return json.dumps(schema, indent=1) + "\n"


def by_variant(overlays: dict[str, dict]) -> dict:
    """The schema of overlays by step and variant."""
    steps = {step: {"type": "object", "additionalProperties": overlays[step]} for step in STEPS}
    return {"properties": steps, "additionalProperties": False}


def or_null(schema: dict) -> dict:
    """A schema that admits null, too."""
    return {"anyOf": [schema, {"type": "null"}]}
