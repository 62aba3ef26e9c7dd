"""What write_report.py reads, made: a data set and experiments on it, as the workflow would have them."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from feature_files import write_features
from hrpro.data import scores
from hrpro.data.features import FeatureFile
from hrpro.detection import results
from hrpro.detection.segments import Segments, segments
from hrpro.grid import Grid

GRID = Grid(16, 25)
TIOU = [0.1, 0.3, 0.5, 0.7]
CLASSES = ["jump", "run", "sit"]


class Size(NamedTuple):
    """How much there is; snippets: of a video; instances, detections: per video, about."""

    train: int = 3
    test: int = 4
    snippets: int = 80
    instances: int = 6
    detections: int = 30


class Made(NamedTuple):
    """What experiments are of; videos: by split; snippets, truth: of each video."""

    videos: dict[str, list[str]]
    snippets: dict[str, int]
    truth: dict[str, Segments]
    classes: list[str]
    detections: int


def write(
    folder: Path,
    *,
    size: Size = Size(),  # noqa: B008 - it cannot be changed
    classes: list[str] = CLASSES,
    names: list[str] = (),
    experiments: dict[str, int] | None = None,
    seeds: list[int] = (0,),
    known: bool = True,
    pointed: bool = True,
    long: dict[str, int] | None = None,
) -> list[str]:
    """Write the files; -> the arguments of write_report.py but for its outputs.

    names: of the first test videos; experiments: name -> its stages, by default {"default": 2}; known:
    whether the training videos' true segments are; pointed: whether points have times, and experiments
    reliable proposals; long: {video: snippets} of those that have others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    counts = {"train": size.train, "test": size.test}
    videos = {split: [f"{split} {number}" for number in range(count)] for split, count in counts.items()}
    videos["test"][: len(names)] = names
    every = [video for each in videos.values() for video in each]
    snippets = dict.fromkeys(every, size.snippets) | (long or {})
    seconds = {video: float(GRID.seconds(count)) for video, count in snippets.items()}
    truth = {video: draw(rng, size.instances, seconds[video], len(classes)) for video in every}
    annotations = []
    for split in counts:
        database = {
            video: {
                "subset": split,
                "duration": seconds[video],
                "annotations": annotations_of(truth[video], classes) if known or split == "test" else [],
            }
            for video in videos[split]
        }
        annotations.append(dump(folder / f"{split}.json", {"database": database}))
    points = {video: points_of(truth[video], classes, pointed) for video in videos["train"]}
    points = dump(folder / "points.json", {"classes": sorted(classes), "videos": points})
    made = Made(videos, snippets, truth, classes, size.detections)
    files = {
        name: write_experiment(folder / name, rng, made, stages=stages, seeds=seeds)
        for name, stages in (experiments or {"default": 2}).items()
    }
    if not pointed:
        for stage in (stage for paths in files.values() for stage in paths["stages"].values()):
            stage["reliable"] = []
    settings = {"experiments": files, "exclude": [], "seeds": list(seeds), "videos": ""}
    paths = ["--annotations", *annotations, "--points", points]
    return ["--name", "made", *map(str, paths), "--settings", json.dumps(settings)]


def dump(path: Path, value) -> Path:
    """Write JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def draw(rng, count: int, duration: float, classes: int) -> Segments:
    """Segments of a video, in any order, with scores."""
    starts = rng.uniform(0, 0.9 * duration, count)
    ends = np.minimum(starts + rng.exponential(duration / 15, count) + 0.5, duration)
    times = np.stack([starts, ends], axis=1).round(2)
    return segments(times, rng.integers(0, classes, count), rng.beta(0.4, 2, count))


def annotations_of(truth: Segments, classes: list[str]) -> list[dict]:
    """The annotations of a video."""
    return [
        {"label": classes[label], "segment": times}
        for times, label in zip(truth.times.tolist(), truth.labels.tolist(), strict=True)
    ]


def points_of(truth: Segments, classes: list[str], timed: bool) -> list[dict]:
    """The points of a video in time order: the middles of its instances."""
    rows = sorted(zip(truth.times.mean(axis=1).tolist(), truth.labels.tolist(), strict=True))
    return [{"label": classes[label]} | ({"seconds": seconds} if timed else {}) for seconds, label in rows]


def detections_of(rng, made: Made, video: str) -> Segments:
    """Detections about a video's instances, more or less exact, and as many more anywhere."""
    truth, duration = made.truth[video], float(GRID.seconds(made.snippets[video]))
    found = draw(rng, made.detections, duration, len(made.classes))
    near = rng.integers(0, len(truth), made.detections // 2)
    times, labels = found.times.copy(), found.labels.copy()
    shift = rng.normal(0, 0.25, (len(near), 2)) * np.diff(truth.times[near], axis=1)
    times[: len(near)] = np.clip(np.sort(truth.times[near] + shift), 0, duration)
    labels[: len(near)] = np.where(rng.random(len(near)) < 0.8, truth.labels[near], labels[: len(near)])
    return Segments(times, labels, found.scores)


def write_experiment(folder: Path, rng, made: Made, *, stages: int, seeds) -> dict:
    """An experiment's files, as `runs` describes them."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = made.classes
    paths = {"scores": {}, "stages": {}, "evaluation": {"tiou": TIOU, "ignore_ambiguous": True}}
    for split, names in made.videos.items():
        arrays = {video: np.zeros((made.snippets[video], 1), np.float32) for video in names}
        features = write_features(folder / f"{split}.h5", arrays, GRID)
        paths["scores"][split] = str(folder / f"scores-{split}.h5")

        def score(array: np.ndarray) -> scores.Scores:
            steps = rng.normal(0, 0.4, (len(array), len(classes) + 1)).cumsum(axis=0)
            values = 1 / (1 + np.exp(1.5 - steps))
            return scores.Scores(values[:, :-1], values[:, -1], values[:, :-1].max(axis=0))

        with FeatureFile(features) as file:
            thresholds = {"background": 0.9, "action": 0.1}
            scores.write(paths["scores"][split], file, score, classes=classes, thresholds=thresholds)

    def segments_file(name: str, names: list[str]) -> str:
        found = [(video, detections_of(rng, made, video)) for video in names]
        results.write(folder / name, found, classes)
        return str(folder / name)

    paths["proposals"] = segments_file("proposals.json", made.videos["test"])
    for number in range(1, stages + 1):
        stage = f"stage{number}"
        reliable = [(video, made.truth[video]) for video in made.videos["train"]]
        results.write(folder / f"{stage}-reliable.json", reliable, classes)
        maps = []
        for seed in seeds:
            ap = {name: (100 * np.sort(rng.random(len(TIOU)))[::-1]).tolist() for name in classes}
            mean = np.mean(list(ap.values()), axis=0).tolist()
            value = {"tiou": TIOU, "mAP": mean, "average": {"0.1:0.7": float(np.mean(mean))}, "per_class": ap}
            maps.append(str(dump(folder / f"{stage}-{seed}-map.json", value)))
        record = {"device": "cpu", "threads": 1, "instructions": "AVX2"}
        paths["stages"][stage] = {
            "maps": maps,
            "record": str(dump(folder / stage / "model.json", record)),
            "detections": segments_file(f"{stage}-detections.json", made.videos["test"]),
            "reliable": [] if stage == "stage3" else str(folder / f"{stage}-reliable.json"),
        }
    return paths
