"""The whole configuration: each step's settings, and how a data set and a variant overlay them."""

import json
from collections.abc import Iterable
from functools import reduce
from operator import gt, or_
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, Tag, model_validator

from .. import methods
from ..utils.errors import InputError
from ..utils.settings import Count, NonNegative, Path, Positive, Strict, Thresholds, Unit, Whole, increasing
from .datasets import AS_THEY_ARE, LAYOUTS, STEPS, Copy, Dataset, DatasetName, Name, Step, VideoNames
from .experiments import ABLATIONS, HELD_BACK_COPY, RESERVED, TABLES, VARIANTS, Experiment
from .parsing import by_method, merge, method_of, parse, tag, unknown_key

CUTS = ("f1", "precision", "recall")  # of a list of events


class Features(Strict):
    """The feature files."""

    dtype: Literal["float32", "float16"] = Field(
        "float32", description="of the features in features.h5: float32 or float16"
    )


class Proposals(Strict):
    """Proposals and their reliability ranking."""

    class_score: Unit = Field(0.2, description="video score from which proposals are made for a class")
    training_classes: Literal["labelled", "predicted"] = Field(
        "labelled", description="of training videos: labelled (by their points) or predicted (fault 4)"
    )
    scale: Annotated[Count, Field(le=64)] = Field(2, description="cells per snippet after interpolation")
    value_at: Literal["centre", "start"] = Field(
        "centre", description="where in a snippet its value lies: centre or start (fault 6)"
    )
    smoothing: Count = Field(
        1,
        description="snippets over which S (1 - B) and 1 - B are averaged first",
        exclude_if=lambda value: value == 1,  # without it model.pt is as it was
    )
    class_thresholds: Thresholds = Field(
        [round(0.05 * k, 2) for k in range(1, 20)], description="thresholds on S (1 - B)"
    )
    foreground_thresholds: Thresholds = Field(
        [round(0.1 * k, 1) for k in range(1, 10)], description="thresholds on 1 - B"
    )
    contrast: Literal["whole", "cut"] = Field(
        "whole",
        description="segments are scored on the whole S (1 - B), or on it cut at the threshold (released)",
    )
    flank: NonNegative = Field(
        0.25, description="share of a segment's length, on either side, for the outer score"
    )
    video_share: NonNegative = Field(
        0.0, description="times the video score of its class is added to a segment's score; LACP: 0.2"
    )
    reliable_any_score: bool = Field(
        True, description="whether a proposal with a score of 0 or less may be reliable (fault 4)"
    )
    same_action: NonNegative = Field(
        1.0, description="seconds up to which points of one class, none of another between, mark one action"
    )
    point_prior: Literal["none", "centre"] = Field(
        "none",
        description="where points lie in their instances: none (anywhere) or centre (at 0.47, as published "
        "ones do); for the choice of reliable proposals",
        exclude_if=lambda value: value == "none",  # without it model.pt is as it was
    )
    negative_share: NonNegative = Field(0.5, description="negative proposals per positive proposal")
    negative_bounds: Literal["inclusive", "released"] = Field(
        "inclusive", description="runs that negatives are drawn from: inclusive, or released (fault 7)"
    )


class Detection(Strict):
    """From scored proposals to detections."""

    fusion: Literal["product", "sum"] = Field(
        "product", description="of stage 1's score s and completeness c; product: s c^w, sum: s + w c"
    )
    completeness_weight: NonNegative = Field(
        1.0, description="w of the fusion; with stage 3, whose support is u, c (0.2 + u) / 1.2 stands for c"
    )
    clip_refined: bool = Field(
        True, description="keep refined segments inside the video and from turning inside out (fault 11)"
    )
    suppression: Literal["soft", "hard"] = Field(
        "soft", description="of overlapping detections of a class: soft (soft-NMS), or hard (drops them)"
    )
    hard_tiou: Positive = Field(0.7, description="tIoU from which hard suppression drops a detection")
    sigma: Positive = Field(
        0.2, description="of soft-NMS: the weight of an overlapping detection is exp(-tIoU^2 / sigma)"
    )
    tiou_padding: NonNegative = Field(
        0.0, description="seconds added to lengths and intersections in suppression (fault 5); released: 1"
    )
    max_per_class: Count | None = Field(
        1000,
        description="detections that are kept per video and class, the best first; null: all. 200 cost up to "
        "0.01 points of mAP, 100 up to 0.05, 50 up to 0.2 (docs/performance.md)",
    )
    drop_ambiguous: bool = Field(
        False, description="drop detections that share a whole second with an ambiguous segment (fault 9)"
    )


class Evaluation(Strict):
    """Mean average precision."""

    tiou: Annotated[
        list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1), AfterValidator(increasing)
    ] = Field([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], description="tIoU thresholds")
    ignore_ambiguous: bool = Field(
        True, description="unmatched detections on ambiguous segments count neither way (fault 9)"
    )


class Events(Strict):
    """The list of events: one at a time of each class, with a probability."""

    cut: Literal[CUTS] = Field(
        "f1",
        description="where the list ends, by held-back training videos: f1 (at the best F1), precision or "
        "recall (where it is `at`)",
    )
    at: Annotated[float, Field(gt=0, le=1)] = Field(
        0.9, description="the precision or recall that the list is cut at"
    )


class Calibration(Strict):
    """What scores of events were worth in held-back training videos (docs/method.md, section 14)."""

    slope: NonNegative = Field(description="of the log-odds of being right over the logarithm of the score")
    intercept: float = Field(description="the log-odds at a score of 1")
    points: Count = Field(description="of the held-back videos")
    scores: list[float] = Field(description="of right events, falling")
    events: list[Count] = Field(description="how many have at least that score")
    right: list[Count] = Field(description="how many of these are right")

    @model_validator(mode="after")
    def counts_hold(self):
        """Scores fall, counts rise, and no more events are right than there are events and points."""
        if not len(self.scores) == len(self.events) == len(self.right):
            raise ValueError("scores, events and right are of different lengths")
        increasing([-score for score in self.scores])
        increasing(self.events)
        increasing(self.right)
        if max(self.right, default=0) > self.points or any(map(gt, self.right, self.events)):
            raise ValueError("more events are right than there are")
        return self


class CalibratedEvents(Events):
    """The list of events of a model that is calibrated."""

    calibration: Calibration = Field(description="what its scores are worth")


class Report(Strict):
    """What a data set's report shows."""

    experiments: Annotated[list[Name], Field(min_length=1)] = Field(
        ["default"], description="experiments that it compares; of the first it shows most"
    )
    videos: Path | None = Field(
        None,
        description="folder of the videos that it plays; null: those that features are made of, if any",
    )


class Labelling(Strict):
    """Seconds of work that labels take per minute of video; docs/results.md says where they come from."""

    videos: Positive = Field(45.0, description="for the classes of whole videos")
    points: Positive = Field(50.0, description="for a point per action")
    segments: Positive = Field(300.0, description="for start and end of each action")


def settings_of(stage: str) -> dict[str, type[Strict]]:
    """Method -> the model of a stage's settings."""
    return {method: methods.load(stage, method, "settings").Settings for method in methods.STAGES[stage]}


def any_method(stage: str):
    """The union of a stage's settings, told apart by `method`."""
    models = settings_of(stage)
    if len(models) == 1:
        return models[methods.default(stage)]
    tagged = (Annotated[model, Tag(tag(method))] for method, model in models.items())
    return Annotated[reduce(or_, tagged), by_method(stage)]


Stage1 = any_method("stage1")
Stage2 = any_method("stage2")
Stage3 = any_method("stage3")


class Settings(Strict):
    """The settings of each step."""

    features: Features = Field(Features(), description="the feature files")
    stage1: Stage1 = Field(
        settings_of("stage1")[methods.default("stage1")](), description="scores of snippets"
    )
    proposals: Proposals = Field(Proposals(), description="proposals and their reliability ranking")
    stage2: Stage2 = Field(
        settings_of("stage2")[methods.default("stage2")](), description="scores of proposals"
    )
    detection: Detection = Field(Detection(), description="from scored proposals to detections")
    stage3: Stage3 = Field(
        settings_of("stage3")[methods.default("stage3")](), description="a detector beside stage 2"
    )
    evaluation: Evaluation = Field(Evaluation(), description="mean average precision")
    events: Events = Field(Events(), description="the list of events")


class Prediction(Strict):
    """What detections on new videos take besides trained networks.

    layout: how the training's features lay, or auto; names: what was no part of its videos' names;
    orientations: whether its files were (D, T), of both kinds that occurred; none where nobody knows;
    events: where the model is calibrated.
    """

    features: Features
    proposals: Proposals
    detection: Detection
    layout: Literal["auto", *LAYOUTS] = "auto"
    names: VideoNames = AS_THEY_ARE
    orientations: list[bool] = Field([])
    events: CalibratedEvents | None = Field(
        None,
        exclude_if=lambda value: value is None,  # without them model.pt is as it was
    )


MODELS = {
    "features": Features,
    "stage1": Stage1,
    "proposals": Proposals,
    "stage2": Stage2,
    "detection": Detection,
    "stage3": Stage3,
    "evaluation": Evaluation,
    "events": Events,
}


def stacked(layers: list[dict], step: str) -> dict:
    """The layers of a step's settings over each other, those of the last one's method alone."""
    if step in methods.STAGES:
        method = method_of(layers[-1], step)
        layers = [layer for layer in layers if method_of(layer, step) == method]
    return reduce(merge, layers)


def without_null(table):
    """A table without the entries that are null."""
    if not isinstance(table, dict):
        return table
    return {name: entry for name, entry in table.items() if entry is not None}


class Ablated(NamedTuple):
    """What an experiment of the ablation is: a row of another experiment's, `alone` or `without`."""

    kind: str
    experiment: str
    row: str

    @property
    def name(self) -> str:
        """Its name, which says the experiment unless that is the default."""
        of = "" if self.experiment == "default" else f"{self.experiment}_"
        return f"{self.kind}_{of}{self.row}"


def unknown(place: str, kind: str, name: str, known: Iterable[str]) -> ValueError:
    """The error on the name of a variant or an experiment that is not there."""
    return ValueError(f"{place}: no {kind} {name!r} (there are: {', '.join(known) or 'none'})")


class Config(Strict):
    """A whole configuration, which may say as little as where the data lie.

    What it says of copies, experiments, ablation and variants is merged over those of `experiments`, key by
    key; null removes one. Everything else has a default of its own.
    """

    seeds: Annotated[list[Whole], Field(min_length=1)] = Field(
        [0], description="one training run per seed; tables show the mean and standard deviation over them"
    )
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = Field(
        "auto", description="auto (a CUDA GPU if there is one), cpu, cuda or cuda:N"
    )
    threads: Annotated[Count, Field(le=1024)] = Field(
        4,
        description="of a training on a CPU, from 256 channels on; another number gives another model",
    )
    state_every: Whole = Field(
        60, description="seconds between saves of a training's checkpoint, from which a killed run resumes"
    )
    cache_memory: Whole = Field(
        2000,
        description="MB that a training keeps in memory: features in stage 1, RoI vectors in stage 2",
    )
    fetch: bool = Field(
        False,
        description="fetch missing files of data sets; best set as `--config fetch=true` (docs/data.md)",
    )
    datasets: dict[DatasetName, Dataset] = Field({}, description="the data sets, by name")
    copies: dict[Name, Copy] = Field(
        {}, description="copies of each data set `d`, as data sets `d-<copy>` (docs/data.md)"
    )
    predict: dict[DatasetName, Path] = Field(
        {}, description="per name, a folder or file of new videos' features (docs/predict.md)"
    )
    report: Report = Field(Report(), description="of `results/<dataset>/report.html` (docs/report.md)")
    labelling: Labelling = Field(
        Labelling(),
        description="seconds of work that labels take per minute of video, for "
        "`results/<dataset>/labelling.svg` (docs/results.md)",
    )
    experiments: dict[Name, Experiment] = Field(
        {},
        description="per experiment, the variant of each step; `default` makes "
        "`results/<dataset>/map.json`, any other `results/<dataset>/<experiment>/map.json`",
    )
    ablation: dict[Name, dict[Name, dict[Step, list[str]]]] = Field(
        {},
        description="per experiment, rows of `results/<dataset>/[<experiment>/]ablation.json`: per step, "
        "settings that it has changed together against the experiment that it `corrects`",
    )
    variants: dict[Step, dict[Name, dict]] = Field(
        {},
        description="per step and variant, what the variant changes in `settings`; one that "
        "names another `method` starts from that method's defaults",
    )
    settings: Settings = Field(Settings(), description="the method's constants, as `default` has them")

    @model_validator(mode="before")
    @classmethod
    def over_the_defaults(cls, values):
        """Merge the tables over the default ones; null in place of an entry or a table removes it."""
        if not isinstance(values, dict):
            return values
        tables = merge(TABLES, {name: values[name] for name in TABLES if name in values})
        tables = {name: without_null({} if table is None else table) for name, table in tables.items()}
        cls.give_up_rows(tables, values)
        for name in ("variants", "ablation"):
            if isinstance(tables[name], dict):
                tables[name] = {key: without_null(table) for key, table in tables[name].items()}
        return values | tables

    @staticmethod
    def give_up_rows(tables: dict, values: dict) -> None:
        """Remove the ablation of experiments that are removed; say where rows stand that once stood alone."""
        ablation, experiments = tables["ablation"], values.get("experiments")
        if not isinstance(ablation, dict):
            return
        for name, rows in ablation.items():
            if isinstance(name, str) and isinstance(rows, dict) and rows and set(rows) <= set(STEPS):
                raise ValueError(
                    f"ablation.{name}: a row stands under its experiment, ablation.default.{name}"
                )
        for name, experiment in experiments.items() if isinstance(experiments, dict) else ():
            if experiment is None:
                ablation.pop(name, None)

    @model_validator(mode="after")
    def references_hold(self):
        """Names stand for what exists, and overlays make valid settings."""
        for seed in self.seeds:
            if self.seeds.count(seed) > 1:
                raise ValueError(f"seeds: {seed} is listed twice")
        self.experiments_hold()
        self.report_holds()
        self.names_are_free()
        self.ablation_holds()
        for dataset, entry in self.datasets.items():
            for step in set(entry.settings) - set(MODELS):
                raise unknown_key(f"datasets.{dataset}.settings.{step}")
            for step in ("features", "events"):
                self.step(dataset, step)
            for step in STEPS:
                known = self.variants.get(step, {})
                # what is there by default may have been removed, and its entries of data sets stay
                for variant in entry.variants.get(step, {}):
                    if variant not in {*known, *VARIANTS[step]}:
                        raise unknown(f"datasets.{dataset}.variants.{step}", "variant", variant, known)
                for variant in known:
                    self.step(dataset, step, variant)
        return self

    def experiments_hold(self) -> None:
        """Raise ValueError where experiments name no variants, or test one variant in two ways."""
        for name, experiment in self.experiments.items():
            for step in STEPS:
                variant, variants = getattr(experiment, step), self.variants.get(step, {})
                if variant is not None and variant not in variants:
                    raise unknown(f"experiments.{name}.{step}", "variant", variant, variants)
        if "default" not in self.experiments:
            raise ValueError("experiments.default: missing; it makes results/<dataset>/map.json")
        tested = {}
        for name, experiment in self.experiments.items():
            self.supervision_holds(name, experiment)
            self.gate_holds(name, experiment)
            self.stage3_holds(name, experiment)
            if not experiment.best_on_test:
                continue
            for stage in methods.STAGES:
                variant = getattr(experiment, stage)
                if variant is None:
                    continue
                method = self.method(stage, variant)
                if "test_every" not in settings_of(stage)[method].model_fields:
                    raise ValueError(
                        f"experiments.{name}: best_on_test, but the method {method} of variants.{stage}."
                        f"{variant} does not train in iterations; remove best_on_test"
                    )
            other, first = tested.setdefault(experiment.stage1, (name, experiment))
            steps = [step for step in STEPS if step != "stage2"]
            if any(getattr(first, step) != getattr(experiment, step) for step in steps):
                raise ValueError(
                    f"experiments.{name}: best_on_test tests the stage-1 variant {experiment.stage1} "
                    f"differently from experiments.{other}; give one of them a variant of its own"
                )

    def supervision_holds(self, name: str, experiment: Experiment) -> None:
        """Raise ValueError where an experiment without points needs them."""
        supervision = experiment.supervision
        if supervision == "points":
            return
        if experiment.best_on_test:
            raise ValueError(
                f"experiments.{name}: best_on_test is for experiments with points; remove it, or "
                f"`supervision: {supervision}`"
            )
        for stage in methods.STAGES:
            variant = getattr(experiment, stage)
            if variant is None:
                continue
            method = self.method(stage, variant)
            learns = {"videos": methods.learns_by_videos, "segments": methods.learns_by_segments}[supervision]
            if not learns(stage, method):
                able = [other for other in methods.STAGES[stage] if learns(stage, other)]
                raise ValueError(
                    f"experiments.{name}: supervision: {supervision}, but the method {method} of "
                    f"variants.{stage}.{variant} learns from points; without them can: "
                    f"{', '.join(able) or f'none, so set {stage}: null'}"
                )

    def gate_holds(self, name: str, experiment: Experiment) -> None:
        """Raise ValueError where a gate has nothing to shut."""
        if experiment.gate == "off" and experiment.stage2 is None:
            raise ValueError(f"experiments.{name}: gate: off, but there is no stage 2; remove gate")

    @property
    def holds_points_back(self) -> bool:
        """Whether there is a copy of every data set that is scored with the points of held-back videos."""
        copy = self.copies.get(HELD_BACK_COPY)
        return copy is not None and copy.held_back > 0 and copy.truth == "points"

    def stage3_holds(self, name: str, experiment: Experiment) -> None:
        """Raise ValueError where a third stage has nothing to stand on, or is asked for too much."""
        if experiment.stage3 is None:
            return
        place = f"experiments.{name}: stage3"
        if experiment.stage2 is None:
            raise ValueError(f"{place} learns from stage 2's candidates; set stage3: null, too")
        if experiment.best_on_test:
            raise ValueError(f"{place} cannot have best_on_test; set stage3: null")

    def report_holds(self) -> None:
        """Raise ValueError where the report compares experiments that do not exist, or one with itself."""
        names = self.report.experiments
        for name in names:
            if name not in self.experiments and name not in self.ablated():
                raise unknown("report.experiments", "experiment", name, self.experiments)
            if names.count(name) > 1:
                raise ValueError(f"report.experiments: {name} is listed twice")

    def names_are_free(self) -> None:
        """Raise ValueError where a name stands for something of the workflow's own."""
        for name in self.datasets:
            entry, _, copy = name.rpartition("-")
            if entry in self.datasets and copy in self.copies:
                raise ValueError(f"datasets.{name}: is the name of a copy of {entry}; choose another")
        for name in [name for names in (self.experiments, *self.variants.values()) for name in names]:
            kind = name.partition("_")[0]
            if kind in ABLATIONS and name != kind:
                raise ValueError(f"{name}: names that begin with {kind}_ are the ablation's; choose another")
        for name in set(self.experiments) & set(RESERVED):
            raise ValueError(
                f"experiments.{name}: {name} is the name of a folder of results/<dataset>/; choose another"
            )

    def ablation_holds(self) -> None:
        """Raise ValueError where the ablation cannot be measured."""
        for name, rows in self.ablation.items():
            off = f"`ablation: {{{name}: null}}` turns it off"
            if name not in self.experiments:
                raise ValueError(f"ablation.{name}: no such experiment; {off}")
            base = self.experiments[name].corrects
            if base is None or base not in self.experiments or base == name:
                raise ValueError(f"ablation.{name}: needs experiments.{name}.corrects, another one; {off}")
            for stage in methods.STAGES:
                both = [getattr(self.experiments[each], stage) for each in (name, base)]
                if stage == "stage3" and not any(stage in steps for steps in rows.values()):
                    continue  # one of the two may be without
                if len({variant and self.method(stage, variant) for variant in both}) > 1:
                    raise ValueError(
                        f"ablation.{name}: needs experiments.{name} and experiments.{base} with one method "
                        f"of {stage}, or none; {off}"
                    )
            if "none" in rows:
                raise ValueError(f"ablation.{name}.none: none is the row of no change; choose another name")
            for row, steps in rows.items():
                for step, keys in steps.items():
                    for key in set(keys) - self.settings_known(step, name):
                        raise unknown_key(f"ablation.{name}.{row}.{step}.{key}")
        if len(self.ablated()) < sum(2 * len(rows) + bool(rows) for rows in self.ablation.values()):
            raise ValueError("ablation: two of its experiments would have one name; rename a row")

    def settings_known(self, step: str, experiment: str) -> set[str]:
        """The names of a step's settings, of the method that an experiment has."""
        if step not in methods.STAGES:
            return {*MODELS[step].model_fields}
        variant = getattr(self.experiments[experiment], step)
        return {*settings_of(step)[self.method(step, variant)].model_fields} if variant else set()

    def method(self, stage: str, variant: str) -> str:
        """The method of a stage's variant; those of the ablation have their experiment's."""
        if variant not in self.variants[stage]:
            variant = getattr(self.experiments[self.ablated()[variant].experiment], stage)
        method = method_of(self.variants[stage][variant], stage)
        parse(MODELS[stage], {"method": method}, f"variants.{stage}.{variant}")
        return method

    def origin(self, dataset: str) -> tuple[str, str | None]:
        """A data set of the workflow -> the entry that it comes from, and the copy that it is of it."""
        if dataset in self.datasets:
            return dataset, None
        entry, _, copy = dataset.rpartition("-")
        return entry, copy

    def experiment(self, name: str) -> Experiment:
        """An experiment by name, those of the ablation included.

        Of an experiment and the one that it corrects, alone_<row>: the latter with the row's settings as the
        former has them; without_<row>: the other way round; alone_none: the latter, without tests.
        """
        if name in self.experiments:
            return self.experiments[name]
        kind, experiment, row = self.ablated()[name]
        base = self.experiments[experiment]
        if kind == "alone":
            base = self.experiments[base.corrects]
        steps = {
            step: name if step in self.changed(experiment, row) else getattr(base, step) for step in STEPS
        }
        return Experiment(**steps, supervision=base.supervision)

    def ablated(self) -> dict[str, Ablated]:
        """The experiments of the ablation by name, besides those that it is of."""
        of = [
            Ablated(kind, experiment, row)
            for experiment, rows in self.ablation.items()
            for kind in ABLATIONS
            for row in (["none"] if kind == "alone" and rows else []) + list(rows)
        ]
        return {each.name: each for each in of}

    def changed(self, experiment: str, row: str) -> dict[str, list[str]]:
        """The settings of a row of an experiment's ablation, by step; none of the row `none`."""
        return self.ablation[experiment].get(row, {})

    def overlay(self, dataset: str, step: str, variant: str) -> dict:
        """What a variant changes in a step's settings for a data set."""
        if variant in self.variants[step]:
            of_dataset = self.datasets[dataset].variants.get(step, {})
            return merge(self.variants[step][variant], of_dataset.get(variant, {}))
        kind, experiment, row = self.ablated()[variant]
        corrected, released = (
            self.overlay(dataset, step, getattr(self.experiments[name], step))
            for name in (experiment, self.experiments[experiment].corrects)
        )
        keys = self.changed(experiment, row)[step]
        kept, taken = (released, corrected) if kind == "alone" else (corrected, released)
        rest = {key: value for key, value in kept.items() if key not in keys}
        return rest | {key: value for key, value in taken.items() if key in keys}

    def step(self, dataset: str, step: str, variant: str | None = None) -> Strict:
        """A step's settings for a data set: the base, the data set's own, then the variant's.

        A variant starts from what of these is of its own method; if nothing is, from the method's defaults.
        A method that asks for streams gets those of the data set's features, unless its settings say some.
        """
        dataset, _ = self.origin(dataset)
        layers = [getattr(self.settings, step).model_dump()]
        of_dataset = self.datasets[dataset].settings.get(step)
        if of_dataset:
            layers.append(of_dataset)
        settings = parse(MODELS[step], stacked(layers, step), f"datasets.{dataset}.settings.{step}")
        if variant is None:
            return settings
        layers.append(self.overlay(dataset, step, variant))
        settings = parse(MODELS[step], stacked(layers, step), f"variants.{step}.{variant}")
        if "streams" in type(settings).model_fields and settings.streams is None:
            settings = settings.model_copy(update={"streams": self.datasets[dataset].features.streams})
        return settings

    def test_settings(self, dataset: str, stage1: str) -> str:
        """What a test during training needs: the settings of the steps after it, as JSON.

        They are those of the experiment that asks for it; `experiments_hold` admits one per stage-1 variant.
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
