"""What each file of results/ is made of, as a key that changes when the file would.

A key is a digest of all that a step reads: the contents of the sources, its settings, its code and the
software that runs it, and the keys of what it takes from the steps before. So an edit changes the
keys of the steps that it reaches and of no other; where a step reads a part of a file alone (the
training split, say), its key holds that part's. Nothing here knows Snakemake.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hrpro import config
from hrpro.data import annotations, layouts
from hrpro.utils import files
from hrpro.utils.errors import InputError
from hrpro.video import decoding as video

STAGES = ("stage1", "stage2")
BEST = "best-on-test"
PICKS = ("last", BEST)
FEW, LARGE = 100, 1e9  # files, and bytes, that are hashed anew before it is worth a word


class At(NamedTuple):
    """Where a file lies in results/: its data set, and the choices so far, None for those to come.

    video: of a file of one video alone.
    """

    dataset: str
    pick: str | None = None
    seed: str | None = None
    stage1: str | None = None
    proposals: str | None = None
    stage2: str | None = None
    detection: str | None = None
    evaluation: str | None = None
    video: str | None = None


def at(dataset: str, steps: str = "", **chosen: str) -> At:
    """The At of a rule's wildcards; steps: folders such as last/seed0/stage1-default/proposals-default."""
    folders = dict(zip(("pick", "seed"), steps.split("/"), strict=False)) if steps else {}
    if folders:
        folders["seed"] = folders["seed"].removeprefix("seed")
        folders |= dict(folder.split("-", 1) for folder in steps.split("/")[2:])
    known = {name: value for name, value in (folders | chosen).items() if name in At._fields}
    return At(dataset, **known)


def key(*parts) -> str:
    """A digest of JSON-able parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


class Lineage:
    """The keys under a configuration.

    code: a rule's name -> the digest of what it runs; made: the roots of data sets that the workflow
    makes itself, {root: rule}; memory: a file that remembers the digests of the sources.
    """

    def __init__(self, chosen: config.Config, code: Callable[[str], str], made: dict[str, str], memory: Path):
        self.config = chosen
        self.code = cache(code)
        self.made = made
        self.memory = memory
        for name in dir(type(self)):  # each key is worked out once
            if not name.startswith("_"):
                setattr(self, name, cache(getattr(self, name)))

    # The data set.

    def converted(self, dataset: str) -> tuple[dict, dict]:
        """A data set's checked truth and points, without the durations that its features say."""
        entry = self.config.datasets[dataset]
        return annotations.convert(entry.root, entry.labels, entry.ambiguous)

    def sources(self, dataset: str) -> dict:
        """The digests of a data set's converted truth, split by split, its points and its videos' order."""
        entry = self.config.datasets[dataset]
        if entry.root in self.made:
            rule = self.code(self.made[entry.root])
            return dict.fromkeys((*config.SPLITS, "points", "order"), rule)
        truth, points = self.converted(dataset)
        videos = truth["database"].items()
        parts = {split: {v: e for v, e in videos if e["subset"] == split} for split in config.SPLITS}
        parts |= {"points": points, "order": list(points["videos"])}
        return {name: key(part) for name, part in parts.items()}

    def splits(self, dataset: str) -> dict[str, list[str]]:
        """The videos of an entry's splits."""
        entry = self.config.datasets[dataset]
        return annotations.read_splits(entry.root, entry.labels)

    def measured_by_features(self, dataset: str) -> bool:
        """Whether an entry has training videos of which points alone are known, so no duration."""
        if self.config.datasets[dataset].root in self.made:
            return False
        videos = self.converted(dataset)[0]["database"].values()
        return any(entry["duration"] is None for entry in videos)

    def lengths(self, dataset: str) -> list[str]:
        """The features that say the durations of training videos, if there are such."""
        return [self.videos(dataset, "train")] if self.measured_by_features(dataset) else []

    def check_truth(self, dataset: str) -> None:
        """Raise InputError where a data set's test split has nothing to be scored with."""
        entry, copy = self.config.origin(dataset)
        own_test = copy is None or not self.config.copies[copy].held_back
        if own_test and self.config.datasets[entry].root not in self.made:
            annotations.require_truth(self.converted(entry)[0]["database"], f"data set {entry}")

    def truth(self, dataset: str, split: str) -> str:
        """The annotations of a split's videos."""
        entry, copy = self.config.origin(dataset)
        if copy is None:
            lengths = self.lengths(dataset) if split == "train" else []
            return key(self.code("convert_annotations"), self.sources(dataset)[split], *lengths)
        held_back = self.config.copies[copy].held_back
        return key(self.copied(dataset), self.truth(entry, "train" if held_back else split), split)

    def demo(self, at: At) -> str:
        """The demo's data set, which the workflow makes."""
        return self.code(self.made[self.config.datasets[at.dataset].root])

    def annotations(self, at: At) -> str:
        """annotations.json."""
        return key([self.truth(at.dataset, split) for split in config.SPLITS])

    def points(self, at: At) -> str:
        """points.json."""
        checked = self.lengths(at.dataset)  # a point lies inside them
        return key(self.code("convert_points"), self.sources(at.dataset)["points"], *checked)

    def learnt(self, dataset: str) -> str:
        """The points that training reads."""
        copied = self.config.origin(dataset)[1] is not None
        return self.copied(dataset) if copied else self.points(At(dataset))

    def copied(self, dataset: str) -> str:
        """What a copy's draws depend on: its settings, its parent's points, their order and instances."""
        entry, copy = self.config.origin(dataset)
        chosen = self.config.copies[copy]
        instances = self.truth(entry, "train") if chosen.points == "uniform" else None
        order = self.sources(entry)["order"]
        return key(self.code("copy_dataset"), config.canonical(chosen), self.learnt(entry), order, instances)

    def copy(self, at: At) -> str:
        """The three files of a copy of a data set, which are made together."""
        entry, _ = self.config.origin(at.dataset)
        return key([self.truth(at.dataset, split) for split in config.SPLITS], self.features(At(entry)))

    def videos(self, dataset: str, split: str) -> str:
        """The features of a split's videos."""
        entry, copy = self.config.origin(dataset)
        if copy is not None:
            chosen = self.config.copies[copy]
            own = self.videos(entry, "train" if chosen.held_back else split)
            return key(own, self.copied(dataset), split) if chosen.held_back else own
        chosen = self.config.datasets[dataset]
        code = [self.code("convert_features"), self.settings(dataset, "features"), self.grid(dataset)]
        if chosen.root in self.made:
            return key(code, self.code(self.made[chosen.root]), split)
        splits = self.splits(dataset)
        if isinstance(chosen.features, config.Videos):
            found = sorted((name, self.extracted(At(dataset, video=name))) for name in splits[split])
            return key(code, found)
        sources = layouts.of_splits(chosen.root, chosen.features, splits)
        read = tuple((name, sources[name]) for name in splits[split])
        return key(code, chosen.features.width, self.contents(read))

    def films(self, dataset: str) -> dict[str, str]:
        """The videos that features are made of: their files by their names."""
        entry = self.config.datasets[dataset]
        names = [name for split in self.splits(dataset).values() for name in split]
        found = video.find_all(Path(entry.root) / entry.features.folder, names)
        return {name: str(path) for name, path in found.items()}

    def footage(self, dataset: str) -> dict[str, str]:
        """The digests of those videos."""
        found = self.films(dataset)
        return dict(zip(found, self.digests(tuple(found.values())), strict=True))

    def weights(self, dataset: str) -> list:
        """The digests of the weights of the network that makes features of videos."""
        given = self.config.datasets[dataset].features.files()
        for path in given.values():
            if not Path(path).is_file():
                raise InputError(f"{path}: no such file; correct datasets.{dataset}.features.weights")
        return sorted(zip(given, self.digests(tuple(given.values())), strict=True))

    def extracted(self, at: At) -> str:
        """The features of one video."""
        chosen = self.config.datasets[at.dataset].features
        made_of = [chosen.model, self.weights(at.dataset), self.footage(at.dataset)[at.video]]
        return key(self.code("extract_features"), self.grid(at.dataset), made_of)

    def features(self, at: At) -> str:
        """features.h5."""
        return key([self.videos(at.dataset, split) for split in config.SPLITS])

    def check(self, at: At) -> str:
        """check.html and check.json, which are made together."""
        read = [self.annotations(at), self.learnt(at.dataset), self.features(at)]
        return key(self.code("check_dataset"), read)

    # The steps.

    def stage1(self, at: At) -> str:
        """Stage 1's model.pt."""
        rule = "train_stage1_on_test" if at.pick == BEST else "train_stage1"
        return key(
            self.code(rule),
            self.settings(at.dataset, "stage1", at.stage1),
            at.seed,
            self.learnt(at.dataset),
            self.videos(at.dataset, "train"),
            self.tests(at),
        )

    def tests(self, at: At) -> list:
        """What training reads besides where it is tested on the test split."""
        if at.pick != BEST:
            return []
        settings = self.config.test_settings(at.dataset, at.stage1)
        return [settings, self.truth(at.dataset, "test"), self.videos(at.dataset, "test"), self.excluded(at)]

    def scored(self, at: At, split: str) -> str:
        """Stage 1's scores of a split."""
        videos = self.videos(at.dataset, split)
        if at.stage1 != config.FLOOR:
            return key(self.code("score_snippets"), self.stage1(at), videos)
        given = [self.learnt(at.dataset), self.videos(at.dataset, "train")]
        return key(self.code("floor"), self.settings(at.dataset, "floor"), given, videos)

    def scores(self, at: At) -> str:
        """scores.h5."""
        return key([self.scored(at, split) for split in config.SPLITS])

    def ranked(self, at: At) -> str:
        """The training videos' proposals: positive, reliable and negative."""
        return key(self.proposing(at), self.scored(at, "train"), self.learnt(at.dataset), at.seed)

    def candidates(self, at: At) -> str:
        """The test videos' proposals."""
        return key(self.proposing(at), self.scored(at, "test"))

    def proposing(self, at: At) -> list:
        """How proposals are made."""
        settings = self.settings(at.dataset, "proposals", at.proposals)
        return [self.code("propose"), settings, self.grid(at.dataset)]

    def proposals(self, at: At) -> str:
        """The four files of proposals, which are made together."""
        return key(self.ranked(at), self.candidates(at))

    def stage2(self, at: At) -> str:
        """Stage 2's model.pt."""
        rule = "train_stage2_on_test" if at.pick == BEST else "train_stage2"
        tested = [self.tests(at), self.candidates(at), self.scored(at, "test")] if at.pick == BEST else []
        return key(
            self.code(rule),
            self.settings(at.dataset, "stage2", at.stage2),
            at.seed,
            self.ranked(at),
            self.scored(at, "train"),
            self.videos(at.dataset, "train"),
            tested,
        )

    def detections(self, at: At) -> str:
        """detections.json, of stage 1 or of stage 2."""
        settings = self.config.step(at.dataset, "detection", at.detection)
        given = [config.canonical(settings), self.candidates(at)]
        if settings.drop_ambiguous:
            given.append(self.truth(at.dataset, "test"))
        if at.stage2 is None:
            return key(self.code("detect_stage1"), given)
        read = [self.stage2(at), self.videos(at.dataset, "test"), self.scored(at, "test")]
        return key(self.code("detect_stage2"), given, read)

    def refined(self, at: At) -> str:
        """Stage 2's reliable.json."""
        return key(
            self.code("refine_reliable"),
            self.settings(at.dataset, "detection", at.detection),
            self.stage2(at),
            self.ranked(at),
            self.learnt(at.dataset),
            self.scored(at, "train"),
            self.videos(at.dataset, "train"),
        )

    def quality(self, at: At) -> str:
        """reliable-quality.json."""
        given = self.ranked(at) if at.stage2 is None else self.refined(at)
        truth = self.truth(at.dataset, "train")
        return key(self.code("measure_reliable"), given, self.learnt(at.dataset), truth)

    def evaluation(self, at: At) -> str:
        """One seed's map.json."""
        return key(
            self.code("evaluate"),
            self.settings(at.dataset, "evaluation", at.evaluation),
            self.excluded(at),
            self.detections(at),
            self.truth(at.dataset, "test"),
        )

    def runs(self, dataset: str, experiment: str, stage: str, pick: str) -> list[At]:
        """The runs of an experiment that its map.json shows of a stage, one a seed; none if it has none."""
        chosen = self.config.experiment(experiment)
        if pick == BEST and not chosen.best_on_test:
            return []
        if stage == "stage2" and chosen.stage2 is None:
            return []
        steps = {step: getattr(chosen, step) for step in config.STEPS}
        if stage == "stage1":
            steps["stage2"] = None
        return [At(dataset, pick, str(seed), **steps) for seed in self.config.seeds]

    def result(self, at: At, experiment: str) -> str:
        """An experiment's map.json."""
        runs = [run for s in STAGES for pick in PICKS for run in self.runs(at.dataset, experiment, s, pick)]
        shown = [[self.evaluation(run), self.measured(experiment) and self.quality(run)] for run in runs]
        return key(self.code("gather"), experiment, self.config.seeds, shown)

    def measured(self, experiment: str) -> bool:
        """Whether the reliable proposals' quality is shown of an experiment."""
        return experiment not in self.config.ablations()

    def ablation(self, at: At) -> str:
        """ablation.json and ablation.md."""
        experiments = ["default", *self.config.ablations()]
        return key(self.code("ablate"), [self.result(at, name) for name in experiments])

    # Prediction.

    def final(self, dataset: str) -> At:
        """The run whose model predicts: of the default experiment and the first seed, at the end of training.

        Raises InputError where the experiment has no network to predict with.
        """
        if self.config.experiment("default").stage1 == config.FLOOR:
            raise InputError(
                f"configuration: experiments.default.stage1: {config.FLOOR} is no model that is kept; "
                "to predict, name a variant that is trained"
            )
        runs = [self.runs(dataset, "default", stage, "last") for stage in ("stage2", "stage1")]
        return (runs[0] or runs[1])[0]

    def bundled(self, at: At) -> str:
        """The settings that the data set's model.pt holds beside the networks, as JSON."""
        run, steps = self.final(at.dataset), config.Prediction.model_fields
        chosen = {step: self.config.step(at.dataset, step, getattr(run, step, None)) for step in steps}
        return config.canonical(config.Prediction(**chosen))

    def bundle(self, at: At) -> str:
        """The data set's model.pt, of both stages."""
        run = self.final(at.dataset)
        second = self.stage2(run) if run.stage2 else None
        return key(self.code("bundle_model"), self.bundled(at), self.stage1(run), second)

    def new_videos(self, name: str) -> dict[str, layouts.Source]:
        """Where the features lie of `predict.<name>`, by video. Raises InputError where there are none."""
        if name not in self.config.predict:
            known = ", ".join(self.config.predict) or "none"
            raise InputError(f"configuration: predict.{name}: missing (there are: {known}); name a folder")
        try:
            found = layouts.of_folder(self.config.predict[name], config.FeatureFiles())
        except InputError as error:
            raise InputError(f"configuration: predict.{name}: {error}") from None
        for path in layouts.files_of(found.values()):
            if not path.is_file():
                raise InputError(f"configuration: predict.{name}: {path}: no file; remove it")
        return found

    def prediction(self, at: At, name: str) -> str:
        """The detections on new videos, in all formats."""
        return key(self.code("predict"), self.bundle(at), self.contents(tuple(self.new_videos(name).items())))

    # What several keys hold.

    def settings(self, dataset: str, step: str, variant: str | None = None) -> str:
        """A step's settings, as JSON."""
        return config.canonical(self.config.step(dataset, step, variant))

    def grid(self, dataset: str) -> str:
        """The grid of the snippets, as JSON."""
        entry, _ = self.config.origin(dataset)
        return config.canonical(self.config.datasets[entry].snippet)

    def excluded(self, at: At) -> list[str]:
        """The videos that are not evaluated."""
        entry, _ = self.config.origin(at.dataset)
        return self.config.datasets[entry].exclude

    def contents(self, read: tuple[tuple[str, layouts.Source], ...]) -> list:
        """What the features of videos are: the digests of their files, or of their parts of a shared one.

        Of W-TALC's joint file it is that of the whole: to see into it would unpickle it.
        """
        units = {own: [own] if own.is_part else list(own.files) for _, own in read}
        every = tuple(dict.fromkeys(unit for own in units.values() for unit in own))
        digests = dict(zip(every, self.digests(every), strict=True))
        return [[name, [digests[unit] for unit in units[own]], own.key] for name, own in sorted(read)]

    def digests(self, units: tuple[str | Path | layouts.Source, ...]) -> list[str]:
        """The sha256 of files and of parts of files.

        They are remembered in `memory` for as long as the file's size and times of change stay.
        """
        known = {}
        if self.memory.is_file():
            with suppress(ValueError):  # a damaged memory is worth a second look at the files, no more
                known = json.loads(self.memory.read_text())
        places = {unit: unit.files[0] if isinstance(unit, layouts.Source) else Path(unit) for unit in units}
        stats = {unit: list(changed(place.stat())) for unit, place in places.items()}
        new = [unit for unit in units if known.get(str(unit), [])[:3] != stats[unit]]
        sizes = {places[unit]: stats[unit][0] for unit in new}
        if len(sizes) > FEW or sum(sizes.values()) > LARGE:
            size = sum(sizes.values()) / 1e9
            print(f"reading {size:.1f} GB to know what is in them", file=sys.stderr, flush=True)
        if new:
            with ThreadPoolExecutor() as pool:
                found = zip(new, pool.map(digest_of, new), strict=True)
                known |= {str(unit): [*stats[unit], digest] for unit, digest in found}
            with suppress(OSError):  # results that may only be read are planned all the same
                files.write_json(self.memory, known)
        return [known[str(unit)][3] for unit in units]


def digest_of(unit: str | Path | layouts.Source) -> str:
    """The sha256 of a file, or of a part of one."""
    return layouts.digest(unit) if isinstance(unit, layouts.Source) else files.sha256(unit)


def changed(stat: os.stat_result) -> tuple[int, int, int]:
    """What changes with a file's content: size and times; the second one even where the first is kept."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
