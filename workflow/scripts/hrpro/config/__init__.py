"""Settings: one strict model a step, and how a data set's and a variant's settings overlay them.

config/config.yaml holds every value; nothing has a default here but what is optional in a data set.
"""

import difflib
import itertools
import json
import math
import urllib.parse
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ..utils.errors import InputError

Share = Annotated[float, Field(ge=0, lt=1)]
Dropout = Annotated[float, Field(ge=0, le=0.99)]
Unit = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Precision = Literal["float32", "bfloat16"]


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

    standardize: bool
    width: Count | None
    noise: NonNegative
    prototype_tokens: Literal["paper", "released"]
    prototype_momentum: Unit
    blocks: Annotated[int, Field(ge=0)]
    heads: Count | None
    hidden: Count
    attention_dropout: Dropout
    block_dropout: Dropout
    dropout: Dropout
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
    schedule: Literal["cosine", "constant"]
    iterations: Count
    batch: Count
    precision: Precision
    test_every: Count


class Proposals(Strict):
    """Proposals and their reliability ranking."""

    class_score: Unit
    training_classes: Literal["labelled", "predicted"]
    scale: Count
    value_at: Literal["centre", "start"]
    class_thresholds: Thresholds
    foreground_thresholds: Thresholds
    contrast: Literal["whole", "cut"]
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

    standardize: bool
    sees_scores: bool
    width: Annotated[int, Field(ge=2)] | None
    class_given: bool
    targets: Literal["own_class", "any_class"]
    input_dropout: Dropout
    dropout: Dropout
    proposals: Count
    roi_bins: Annotated[int, Field(multiple_of=6, ge=6)]
    roi_margin: NonNegative
    tiou_positive: Unit
    loss_weights: InstanceLossWeights
    learning_rate: Positive
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)]
    weight_decay: NonNegative
    schedule: Literal["cosine", "constant"]
    iterations: Count
    epochs: Count | None
    batch: Count
    precision: Precision
    test_every: Count


class Detection(Strict):
    """From scored proposals to detections."""

    fusion: Literal["product", "sum"]
    completeness_weight: NonNegative
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


class Floor(Strict):
    """The logistic regression that every experiment has to beat."""

    regularization: Positive
    smoothing: Count


class Settings(Strict):
    """Every step's settings."""

    features: Features
    floor: Floor
    stage1: Stage1
    proposals: Proposals
    stage2: Stage2
    detection: Detection
    evaluation: Evaluation


class Prediction(Strict):
    """What detections on new videos take besides trained networks."""

    features: Features
    proposals: Proposals
    detection: Detection


SPLITS = ("train", "test")

# The steps of which an experiment chooses a variant, in the order of the flow.
STEPS = ("stage1", "proposals", "stage2", "detection", "evaluation")
FLOOR = "floor"  # stage 1's variant that is no network but a logistic regression
ABLATIONS = ("alone", "without")
UNKNOWN = "unknown"  # in place of a sha256 that the fetch is to print

# How features may lie on disk; layouts.py reads them.
LAYOUTS = ("hrpro", "lacp", "rgb_flow", "flat", "flat_rgb_flow", "npz", "npz_file", "h5", "wtalc")

Overlay = dict[str, dict]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class Snippet(Strict):
    """Snippets follow each other by `frames` frames and see `window` each, at `fps` frames a second."""

    frames: Count
    fps: Positive
    window: Count

    @model_validator(mode="before")
    @classmethod
    def window_is_known(cls, values):
        """Without a window, or with null, a snippet sees the frames up to the next one."""
        if isinstance(values, dict) and values.get("window") is None and "frames" in values:
            return values | {"window": values["frames"]}
        return values


class FeatureFiles(Strict):
    """Where a data set's features lie under its root, and how.

    folder: a folder or, for layouts of one file, that file. width: channels, which tell (T, D) from
    (D, T); None: the one size that all training videos have in common. names: the list of videos of
    W-TALC's joint file, seen from where that lies; None: videoname.npy.
    """

    layout: Literal["auto", *LAYOUTS] = "auto"
    folder: str = "features"
    width: Count | None = None
    names: str | None = None
    allow_pickle: bool = False


# Networks that make features of videos, and their channels: I3D, a stream, and torchvision's (backbones.py).
I3D = "i3d"
BACKBONES = {
    I3D: 1024,
    "r3d_18": 512,
    "mc3_18": 512,
    "r2plus1d_18": 512,
    "s3d": 1024,
    "mvit_v1_b": 768,
    "mvit_v2_s": 768,
    "swin3d_t": 768,
}
DOWNLOAD = "download"


class Videos(Strict):
    """Features that are made of videos: of those in `folder`, by the network `model`.

    weights: a file, or `download` for what torchvision offers; of i3d a file a stream, {rgb, flow}, or of
    one of them alone.
    """

    source: Annotated[Literal["videos"], Field(alias="from")]
    folder: str = "videos"
    model: Literal[tuple(BACKBONES)]
    weights: str | dict[str, str]

    @field_validator("weights", mode="before")
    @classmethod
    def of_the_model(cls, given, info: ValidationInfo):
        """Pass weights on if they are of the model's kind."""
        if info.data.get("model") == I3D:
            files = isinstance(given, dict) and given and set(given) <= {"rgb", "flow"}
            if not files or not all(isinstance(file, str) for file in given.values()):
                raise ValueError("wanted {rgb: FILE, flow: FILE} for i3d, or one of them alone")
        elif not isinstance(given, str):
            raise ValueError("wanted a file, or download for what torchvision offers")
        return given

    @property
    def width(self) -> int:
        """The channels of the features."""
        return BACKBONES[self.model] * len(self.files() or [DOWNLOAD])

    def files(self) -> dict[str, str]:
        """The files of weights: by stream, or one as "all"; none if they are downloaded."""
        if isinstance(self.weights, dict):
            return self.weights
        return {} if self.weights == DOWNLOAD else {"all": self.weights}


def kind_of(features) -> str:
    """Which of the two models of `features` an entry means."""
    of_videos = "from" in features if isinstance(features, dict) else isinstance(features, Videos)
    return VIDEOS if of_videos else FILES


FILES, VIDEOS = "[files]", "[videos]"  # they stand in pydantic's places of faults
AnyFeatures = Annotated[
    Annotated[FeatureFiles, Tag(FILES)] | Annotated[Videos, Tag(VIDEOS)], Discriminator(kind_of)
]


class Annotations(Strict):
    """Where a data set's annotations lie under its root, and which subsets, in any case, are its splits.

    file: None for gt_full.json or annotations.json. train, test: names of subsets; None where
    split_*.txt or the names themselves say it.
    """

    file: str | None = None
    train: list[str] | None = None
    test: Annotated[list[str], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def splits_are_two(self):
        """No subset is in both splits, and the test split is named where the training split is."""
        if self.train is not None and self.test is None:
            raise ValueError("train without test; name the test split's subsets too")
        for name in sorted(self.subsets("train") & self.subsets("test")):
            raise ValueError(f"{name} is in train and in test; a subset belongs to one split")
        return self

    def subsets(self, split: str) -> set[str]:
        """The names that the entry gives of a split's subsets, in lower case."""
        return {name.lower() for name in getattr(self, split) or ()}


class Points(Strict):
    """Where a data set's points come from: a file under its root, or draws from its training segments.

    file: None for point_labels/point_gaussian.csv or points.csv.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    file: str | None = None
    source: Literal["segments"] | None = Field(default=None, alias="from")
    distribution: Literal["gaussian", "uniform", "centre"] = "gaussian"
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def one_source(self):
        """A file and draws exclude each other."""
        if self.source and self.file:
            raise ValueError("file and from exclude each other; remove one")
        if not self.source and (self.distribution, self.seed) != ("gaussian", 0):
            raise ValueError("distribution and seed are of drawn points; add from: segments or remove them")
        return self


class Labels(Strict):
    """Where a data set's annotations and points come from."""

    annotations: Annotations = Annotations()
    points: Points = Points()


RECOGNISED = Labels()  # by the files that are there


class ZenodoFile(Strict):
    """A file of a record of Zenodo."""

    record: Count
    file: Annotated[str, Field(min_length=1)]


class Remote(Strict):
    """A file to fetch, by one of url, gdrive (its id on Google Drive) and zenodo.

    to: where it goes under the data set's root; unpack: it is an archive, to be unpacked where it lies.
    """

    url: str | None = None
    gdrive: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    zenodo: ZenodoFile | None = None
    sha256: Annotated[str, Field(pattern=rf"^([0-9a-f]{{64}}|{UNKNOWN})$")]
    to: str | None = None
    unpack: bool = False

    @model_validator(mode="before")
    @classmethod
    def has_a_digest(cls, values):
        """Say where to get the sha256 from, where it is missing."""
        if isinstance(values, dict) and "sha256" not in values:
            raise ValueError(
                "no sha256; `sha256sum FILE` prints it, and of a file that is still to come "
                f"{UNKNOWN!r} has the fetch print it"
            )
        return values

    @model_validator(mode="after")
    def is_one_file(self):
        """It is one file's, on the web, with a place inside the root."""
        if [self.url, self.gdrive, self.zenodo].count(None) != 2:
            raise ValueError("wanted one of url, gdrive and zenodo")
        if self.url is not None:
            parts = urllib.parse.urlsplit(self.url)
            whole = self.url.isascii() and self.url.isprintable() and " " not in self.url
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or not whole:
                raise ValueError("url: wanted http://... or https://..., blanks and the like as %20")
        path = PurePosixPath(self.place)
        if not path.name or path.is_absolute() or ".." in path.parts or "\0" in self.place:
            raise ValueError("to: wanted a path under the data set's root, as features/all.zip")
        return self

    @property
    def place(self) -> str:
        """Where the file goes under the data set's root; by default it keeps its own name."""
        if self.to is not None:
            return self.to
        if self.zenodo is not None:
            return PurePosixPath(self.zenodo.file).name
        return urllib.parse.unquote(PurePosixPath(urllib.parse.urlsplit(self.url or "").path).name)


class Dataset(Strict):
    """A data set's entry."""

    root: str
    snippet: Snippet
    features: AnyFeatures = FeatureFiles()
    annotations: Annotations = Annotations()
    points: Points = Points()
    exclude: list[str] = []
    ambiguous: str | None = None
    source: str = ""
    fetch: list[Remote] = []
    settings: Overlay = {}
    variants: dict[Literal[STEPS], dict[Name, dict]] = {}

    @property
    def labels(self) -> Labels:
        """Where its annotations and points come from."""
        return Labels(annotations=self.annotations, points=self.points)

    @model_validator(mode="after")
    def places_differ(self):
        """No two files are fetched to one place."""
        places = [remote.place for remote in self.fetch]
        for place in places:
            if places.count(place) > 1:
                raise ValueError(f"fetch: two files go to {place!r}; give one another `to`")
        return self


class Copy(Strict):
    """What a copy of a data set changes, by draws from `seed`.

    points: as given, or drawn uniformly inside their instances. missing, wrong: shares of the points
    that are left out, that get another class. held_back: the share of the training videos that
    becomes the test split, whose truth are their segments or their points alone.
    """

    points: Literal["given", "uniform"] = "given"
    missing: Share = 0.0
    wrong: Share = 0.0
    held_back: Share = 0.0
    truth: Literal["segments", "points"] = "segments"
    seed: Annotated[int, Field(ge=0)] = 0


class Experiment(Strict):
    """Which variant of each step; best_on_test: also pick models on the test split, to compare.

    Without a stage 2 the experiment ends at stage 1's detections.
    """

    stage1: Name
    proposals: Name
    stage2: Name | None
    detection: Name
    evaluation: Name
    best_on_test: bool = False


class Config(Strict):
    """The whole configuration."""

    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    state_every: Annotated[int, Field(ge=0)]
    vectors_memory: Annotated[int, Field(ge=0)]
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]
    fetch: Annotated[bool, Field(strict=False)]  # --config fetch=true gives text
    datasets: dict[DatasetName, Dataset]
    copies: dict[Name, Copy]
    predict: dict[DatasetName, str]
    experiments: dict[Name, Experiment]
    ablation: dict[Name, dict[Literal[STEPS], list[str]]]
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
                if (step, variant) in (("stage1", FLOOR), ("stage2", None)):
                    continue
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
        for name in self.datasets:
            entry, _, copy = name.rpartition("-")
            if entry in self.datasets and copy in self.copies:
                raise ValueError(f"datasets.{name}: is the name of a copy of {entry}; give it another")
        self.names_are_free()
        for row, steps in self.ablation.items():
            for step, keys in steps.items():
                known = type(getattr(self.settings, step)).model_fields
                for key in set(keys) - set(known):
                    raise unknown_key(f"ablation.{row}.{step}.{key}")
        for dataset in self.datasets:
            for step in STEPS:
                for variant in self.variants.get(step, {}):
                    self.step(dataset, step, variant)
            self.step(dataset, "features")
            self.step(dataset, "floor")
        return self

    def names_are_free(self) -> None:
        """Raise ValueError where a name stands for something of the workflow's own."""
        if FLOOR in self.variants.get("stage1", {}):
            raise ValueError(f"variants.stage1.{FLOOR}: is the logistic regression; give it another name")
        own = [name for names in (self.experiments, *self.variants.values()) for name in names]
        for name in own:
            if name.startswith(tuple(f"{kind}_" for kind in ABLATIONS)):
                raise ValueError(f"{name}: {name.split('_')[0]}_ begins the ablation's names; choose another")
        if "none" in self.ablation:
            raise ValueError("ablation.none: none is the row of no change; give it another name")
        for name in ("default", "released") if self.ablation else ():
            steps = self.experiments.get(name)
            if steps is None or steps.stage1 == FLOOR or steps.stage2 is None:
                raise ValueError(f"ablation: needs experiments.{name} with both stages' networks")

    def origin(self, dataset: str) -> tuple[str, str | None]:
        """A data set of the workflow -> the entry that it comes from, and the copy that it is of it."""
        if dataset in self.datasets:
            return dataset, None
        entry, _, copy = dataset.rpartition("-")
        return entry, copy

    def experiment(self, name: str) -> Experiment:
        """An experiment by name, those of the ablation included.

        alone_<row>: the released program with the row's settings as the default has them;
        without_<row>: the default with the row's settings as released; alone_none: as released.
        """
        if name in self.experiments:
            return self.experiments[name]
        kind, _, row = name.partition("_")
        changed = self.ablation.get(row, {})
        base = self.experiments["released" if kind == "alone" else "default"]
        steps = {step: name if step in changed else getattr(base, step) for step in STEPS}
        return Experiment(**steps)

    def ablations(self) -> list[str]:
        """The experiments of the ablation, beside the default one."""
        rows = [f"{kind}_{row}" for kind in ABLATIONS for row in self.ablation]
        return ["alone_none", *rows] if rows else []

    def overlay(self, dataset: str, step: str, variant: str) -> dict:
        """What a variant changes in a step's settings for a data set."""
        if variant in self.variants[step]:
            own = self.datasets[dataset].variants.get(step, {})
            return merge(self.variants[step][variant], own.get(variant, {}))
        kind, _, row = variant.partition("_")
        of = {
            name: self.overlay(dataset, step, getattr(self.experiments[name], step))
            for name in ("default", "released")
        }
        kept, taken = (of["released"], of["default"]) if kind == "alone" else (of["default"], of["released"])
        keys = self.ablation[row][step]
        rest = {key: value for key, value in kept.items() if key not in keys}
        return rest | {key: value for key, value in taken.items() if key in keys}

    def step(self, dataset: str, step: str, variant: str | None = None) -> Strict:
        """A step's settings for a data set: the base, the data set's own, then the variant's."""
        dataset, _ = self.origin(dataset)
        own = self.datasets[dataset].settings
        for key in set(own) - set(Settings.model_fields):
            raise unknown_key(f"datasets.{dataset}.settings.{key}")
        base = getattr(self.settings, step)
        model, values = type(base), merge(base.model_dump(), own.get(step, {}))
        parsed = parse(model, values, f"datasets.{dataset}.settings.{step}")
        if variant is None:
            return parsed
        values = merge(values, self.overlay(dataset, step, variant))
        return parse(model, values, f"variants.{step}.{variant}")

    def test_settings(self, dataset: str, stage1: str) -> str:
        """What a test during training needs: the settings of the steps after it, as JSON.

        They are those of the experiment that asks for it; `references_hold` admits one a stage-1 variant.
        """
        experiments = self.experiments.values()
        tested = [one for one in experiments if one.best_on_test and one.stage1 == stage1]
        if not tested:
            raise InputError(
                f"configuration: no experiment with best_on_test has the stage-1 variant {stage1}; add one"
            )
        steps = {
            step: self.step(dataset, step, getattr(tested[0], step)).model_dump()
            for step in ("proposals", "detection", "evaluation")
        }
        return json.dumps(steps, sort_keys=True)


def merge(base: dict, overlay: dict) -> dict:
    """`base` with what `overlay` says in place of it, nested dictionaries key by key."""
    merged = dict(base)
    for key, value in overlay.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = merge(base[key], value) if both else value
    return merged


def unknown_key(place: str) -> InputError:
    """The error on an unknown key, with the nearest known one."""
    fields = [field for model in Strict.__subclasses__() for field in model.model_fields.items()]
    known = {field.alias or name for name, field in fields}
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
    path = ([place] if place else []) + [
        str(part) for part in fault["loc"] if part not in ("[key]", FILES, VIDEOS)
    ]
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


def from_json(model: type[Strict], text: str, option: str = "--settings") -> Strict:
    """The settings that `canonical` wrote. Raises InputError where they are malformed or wrong."""
    try:
        return parse(model, json.loads(text))
    except json.JSONDecodeError as error:
        raise InputError(f"{option} {text}: not valid JSON ({error.msg}); wanted {{key: value}}") from None
