"""Settings: one strict model a step, and how a data set's and a variant's settings overlay them.

config/config.yaml holds every value; nothing has a default here but what is optional in a data set.
"""

import difflib
import itertools
import json
import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import InputError

Share = Annotated[float, Field(ge=0, lt=1)]
Unit = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


def increasing(values: list) -> list:
    """Pass a list on if it is strictly increasing."""
    if any(a >= b for a, b in itertools.pairwise(values)):
        raise ValueError("must increase")
    return values


Thresholds = Annotated[list[Unit], Field(min_length=1), AfterValidator(increasing)]


class Strict(BaseModel):
    """No unknown key, no conversion of types, no change afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Features(Strict):
    """The feature file."""

    dtype: Literal["float32", "float16"]


class SnippetLossWeights(Strict):
    """Weights of stage 1's losses."""

    video: NonNegative
    frame: NonNegative
    background: NonNegative
    contrastive: NonNegative


class Stage1(Strict):
    """The snippet network and its training."""

    prototype_tokens: Literal["paper", "released"]
    prototype_momentum: Unit
    blocks: Annotated[int, Field(ge=0)]
    heads: Count | None
    hidden: Count
    attention_dropout: Share
    block_dropout: Share
    dropout: Share
    video_top: Count
    background_threshold: Unit
    action_threshold: Unit
    temperature: Positive
    focal_power: NonNegative
    contrastive_drops_last: bool
    loss_weights: SnippetLossWeights
    learning_rate: Positive
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)]
    weight_decay: NonNegative
    iterations: Count
    batch: Count
    test_every: Count


class Proposals(Strict):
    """Proposals and their reliability ranking."""

    class_score: Unit
    training_classes: Literal["labelled", "predicted"]
    scale: Count
    value_at: Literal["centre", "start"]
    class_thresholds: Thresholds
    foreground_thresholds: Thresholds
    flank: NonNegative
    reliable_any_score: bool
    negative_share: NonNegative
    negative_bounds: Literal["inclusive", "released"]


class InstanceLossWeights(Strict):
    """Weights of stage 2's losses."""

    regression: NonNegative
    completeness: NonNegative


class Stage2(Strict):
    """The instance network and its training."""

    dropout: Share
    proposals: Count
    roi_bins: Annotated[int, Field(multiple_of=6, ge=6)]
    roi_margin: NonNegative
    tiou_positive: Unit
    loss_weights: InstanceLossWeights
    learning_rate: Positive
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)]
    weight_decay: NonNegative
    epochs: Count
    batch: Count
    test_every: Count


class Detection(Strict):
    """From scored proposals to detections."""

    clip_refined: bool
    sigma: Positive
    tiou_padding: NonNegative
    drop_ambiguous: bool


class Evaluation(Strict):
    """mAP."""

    tiou: Annotated[
        list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1), AfterValidator(increasing)
    ]
    ignore_ambiguous: bool


class Settings(Strict):
    """Every step's settings."""

    features: Features
    stage1: Stage1
    proposals: Proposals
    stage2: Stage2
    detection: Detection
    evaluation: Evaluation


# The steps of which an experiment chooses a variant, in the order of the flow.
STEPS = ("stage1", "proposals", "stage2", "detection", "evaluation")

Overlay = dict[str, dict]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class Snippet(Strict):
    """A snippet is `frames` frames at `fps` frames a second."""

    frames: Count
    fps: Positive


class Dataset(Strict):
    """A data set's entry."""

    root: str
    snippet: Snippet
    exclude: list[str] = []
    ambiguous: str | None = None
    source: str = ""
    settings: Overlay = {}


class Experiment(Strict):
    """Which variant of each step; best_on_test: also pick models on the test split, to compare."""

    stage1: Name
    proposals: Name
    stage2: Name
    detection: Name
    evaluation: Name
    best_on_test: bool = False


class Config(Strict):
    """The whole configuration."""

    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]
    datasets: dict[DatasetName, Dataset]
    experiments: dict[Name, Experiment]
    variants: dict[Literal[STEPS], dict[Name, dict]]
    settings: Settings

    @model_validator(mode="after")
    def references_hold(self):
        """Every experiment names variants that exist; every overlay makes valid settings."""
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: a seed stands twice")
        if "default" not in self.experiments:
            raise ValueError("experiments.default: missing; it makes results/<dataset>/map.json")
        for name, experiment in self.experiments.items():
            for step in STEPS:
                variant = getattr(experiment, step)
                if variant not in self.variants.get(step, {}):
                    known = ", ".join(self.variants.get(step, {})) or "none"
                    raise ValueError(
                        f"experiments.{name}.{step}: no variant {variant!r} (there are: {known})"
                    )
        tested = {}
        for name, experiment in self.experiments.items():
            if experiment.best_on_test:
                other = tested.setdefault(experiment.stage1, (name, experiment))
                steps = [s for s in STEPS if s != "stage2"]
                if any(getattr(other[1], s) != getattr(experiment, s) for s in steps):
                    raise ValueError(
                        f"experiments.{name}: best_on_test, like experiments.{other[0]}, of one stage-1 "
                        "variant that the two test differently; give one of them a variant of its own"
                    )
        for dataset in self.datasets:
            for step in STEPS:
                for variant in self.variants.get(step, {}):
                    self.step(dataset, step, variant)
            self.step(dataset, "features")
        return self

    def step(self, dataset: str, step: str, variant: str | None = None) -> Strict:
        """A step's settings for a data set: the base, the data set's own, then the variant's."""
        own = self.datasets[dataset].settings
        for key in set(own) - set(Settings.model_fields):
            raise unknown_key(f"datasets.{dataset}.settings.{key}")
        base = getattr(self.settings, step)
        model, values = type(base), merge(base.model_dump(), own.get(step, {}))
        parsed = parse(model, values, f"datasets.{dataset}.settings.{step}")
        if variant is None:
            return parsed
        values = merge(values, self.variants[step][variant])
        return parse(model, values, f"variants.{step}.{variant}")


def merge(base: dict, overlay: dict) -> dict:
    """`base` with what `overlay` says in place of it, nested dictionaries key by key."""
    merged = dict(base)
    for key, value in overlay.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = merge(base[key], value) if both else value
    return merged


def unknown_key(place: str) -> InputError:
    """The error on an unknown key, with the nearest known one."""
    known = {field for model in Strict.__subclasses__() for field in model.model_fields}
    key = place.rsplit(".", 1)[-1]
    near = difflib.get_close_matches(key, sorted(known - {key}), n=1)
    hint = f"did you mean {near[0]!r}?" if near else "config/README.md lists the known ones"
    return InputError(f"configuration: {place}: unknown key; {hint}")


def parse(model: type[Strict], values, place: str = "") -> Strict:
    """Values -> a model; raises InputError with the first fault's key, value and what would be right."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
    path = ([place] if place else []) + [str(part) for part in fault["loc"] if part != "[key]"]
    key, value = ".".join(path), fault["input"]
    if fault["type"] == "extra_forbidden":
        raise unknown_key(key)
    if fault["type"] == "missing":
        raise InputError(f"configuration: {key}: missing")
    message = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:  # the whole configuration: the message names the place itself
        raise InputError(f"configuration: {message}")
    if isinstance(value, str) and fault["type"] in ("float_type", "int_type") and looks_numeric(value):
        message = f"text to YAML; write {yaml_number(float(value))} in a --configfile (--config gives text)"
    raise InputError(f"configuration: {key}: {value!r}: {message}")


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


def from_json(model: type[Strict], text: str) -> Strict:
    """The settings that `canonical` wrote. Raises InputError where they are malformed or wrong."""
    try:
        return parse(model, json.loads(text))
    except json.JSONDecodeError as error:
        raise InputError(f"--settings {text}: not valid JSON ({error.msg}); wanted {{key: value}}") from None
