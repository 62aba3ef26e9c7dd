"""Values as users write them -> settings; errors say the key, the value and what would be right."""

import datetime
import difflib
import json
import math
from collections.abc import Iterator
from functools import cache

from pydantic import Discriminator, TypeAdapter, ValidationError

from .. import methods
from ..utils import files
from ..utils.errors import InputError
from ..utils.settings import Strict

# Where keys went that configurations of earlier versions have.
MOVED = {"floor": "the linear baseline's settings are a variant's, variants.stage1.floor"}
UNKNOWN_METHOD = "unknown_method"  # the type of pydantic's error
DEPTH, SIZE = 50, 100_000  # of a configuration: levels, and values with those of aliases
DIGITS = 4000  # of a whole number; Python writes no more than 4300
LARGEST = 10**DIGITS
SHOWN = 100  # characters of a value that a message shows


def merge(base: dict, overlay: dict) -> dict:
    """`base` with what `overlay` says in place of it, nested dictionaries key by key."""
    merged = dict(base)
    for key, value in overlay.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = merge(base[key], value) if both else value
    return merged


def tag(name: str) -> str:
    """A tag of a union's model, as it stands in the places of pydantic's errors; `parse` leaves it out."""
    return f"[{name}]"


def method_of(settings, stage: str) -> str:
    """The method that a stage's settings, or what overlays them, are of."""
    if isinstance(settings, dict):
        return settings.get("method", methods.default(stage))
    return getattr(settings, "method", methods.default(stage))


def by_method(stage: str) -> Discriminator:
    """What chooses among a stage's settings by their `method`."""
    return Discriminator(
        lambda settings: tag(method_of(settings, stage)),
        custom_error_type=UNKNOWN_METHOD,
        custom_error_message=f"unknown method; known methods: {', '.join(methods.STAGES[stage])}",
    )


def unknown_key(place: str) -> InputError:
    """The error on an unknown key, with the nearest known one."""
    key = place.rsplit(".", 1)[-1]
    known = {field.alias or name for model in models() for name, field in model.model_fields.items()}
    cutoff = 0.8 if key in known else 0.6  # a key of something else is hardly misspelt
    near = difflib.get_close_matches(key, sorted(known - {key}), n=1, cutoff=cutoff)
    if place.endswith(f"settings.{key}") and key in MOVED:
        hint = MOVED[key]
    elif near:
        hint = f"did you mean {near[0]!r}?"
    else:
        hint = "config/README.md lists the known keys"
    return InputError(f"configuration: {shown_place(place)}: unknown key; {hint}")


def models(base: type[Strict] = Strict) -> Iterator[type[Strict]]:
    """All models of settings."""
    for model in base.__subclasses__():
        yield model
        yield from models(model)


adapter = cache(TypeAdapter)


def parse(model, values, place: str = ""):
    """Values -> a model, or one of a union's models.

    place: the key under which the values stand. Raises InputError on the first fault, with its key, its
    value and what would be right.
    """
    limit(values)
    try:
        return adapter(model).validate_python(values)
    except ValidationError as error:
        fault = error.errors()[0]
    path = [place] if place else []
    path += [str(part) for part in fault["loc"] if not str(part).startswith(("[", "function-", "dict["))]
    value, message = fault["input"], fault["msg"].removeprefix("Value error, ")
    if fault["type"] == UNKNOWN_METHOD:
        path.append("method")
        value = value["method"]
    key = ".".join(path)
    if fault["type"] == "extra_forbidden":
        raise unknown_key(key)
    key = shown_place(key)
    if fault["type"] == "missing":
        raise InputError(f"configuration: {key}: missing")
    if fault["type"] in ("string_type", "invalid_key") and (kind := kind_in_yaml(value)):
        what = str(value)
        if fault["type"] == "invalid_key" or fault["loc"][-1] == "[key]":
            path[-1:], what = [], f"the key {value}"
        place = ": ".join(["configuration", *([".".join(path)] if path else [])])
        raise InputError(f"{place}: {what} is {kind} to YAML; write it in quotes")
    if not key:  # the whole configuration: the message names the place itself
        raise InputError(f"configuration: {message}")
    if isinstance(value, str) and fault["type"] in ("float_type", "int_type") and looks_numeric(value):
        number = yaml_number(float(value))
        message = f"is text to YAML; write {number}"
    raise InputError(f"configuration: {key}: {shortened(repr(value))}: {message}")


def limit(values) -> None:
    """Raise InputError where values nest too deep or are too many, those of an alias each time it is used.

    And on a whole number of so many digits that Python cannot write it.
    """
    count, queue = 0, [(values, 1, "")]
    while queue:
        value, depth, key = queue.pop()
        count += 1
        if depth > DEPTH:
            raise InputError(f"configuration: nests deeper than {DEPTH} levels; take it apart")
        if count > SIZE:
            raise InputError(
                f"configuration: has more than {SIZE} values, those of an alias counted each time; shorten it"
            )
        if isinstance(value, dict):
            queue += [(each, depth + 1, name) for name, each in value.items()]
            queue += [(name, depth + 1, key) for name in value if isinstance(name, int)]
        elif isinstance(value, list):
            queue += [(each, depth + 1, key) for each in value]
        elif isinstance(value, int) and not -LARGEST < value < LARGEST:
            place = f"configuration: {shown_place(key)}" if isinstance(key, str) and key else "configuration"
            raise InputError(f"{place}: a number of more than {DIGITS} digits; correct it")


def shortened(text: str) -> str:
    """A text as a message shows it."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def shown_place(place: str) -> str:
    """The place of a value for a message: on one line, not too long."""
    return shortened(place if place.isprintable() else repr(place))


def kind_in_yaml(value) -> str | None:
    """What YAML has made of a text without quotes; None of what is text, or cannot be."""
    if value is None or isinstance(value, bool):
        return "null, true or false (as ~, yes, no, on and off are)"
    if isinstance(value, int | float):
        return "a number"
    return "a date" if isinstance(value, datetime.date) else None


def looks_numeric(text: str) -> bool:
    """Whether text reads as a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def yaml_number(value: float) -> str:
    """A number as YAML reads it: it takes 1e-05 for text, 1.0e-05 for a number."""
    text = f"{int(value) if value.is_integer() and abs(value) < 1e15 else value}"
    return text if "." in text else text.replace("e", ".0e")


def canonical(model: Strict) -> str:
    """Settings as JSON with sorted keys: what a rule hands to its step."""
    return json.dumps(model.model_dump(), sort_keys=True)


def from_json(model, text: str, option: str = "--settings"):
    """The settings that `canonical` wrote. Raises InputError where they are malformed or wrong."""
    return parse(model, files.parse_json(text, f"{option} {shortened(text)}"))
