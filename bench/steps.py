"""The parts that train nothing: proposals, suppression, evaluation, conversion, a training's start."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import made
import oracle
from hrpro.config import FeatureFiles
from hrpro.data import conversion, features, layouts, splits
from hrpro.detection import results, suppression
from hrpro.detection.segments import Segments
from hrpro.evaluation import mean_ap
from hrpro.proposals import generation
from machine import Clock, Result, clock, medians

SCRIPTS = Path(__file__).parent.parent / "workflow" / "scripts"
TIOU = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
DETECTIONS, A_VIDEO = 31_587, 150


def rows(found: Segments) -> list[tuple]:
    """Segments as the oracle has proposals."""
    return [
        (*times, label, score)
        for times, label, score in zip(
            found.times.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True
        )
    ]


def propose(settings: dict, quick: bool, now: Clock) -> dict[str, Result]:
    """Proposals of a test split, by the released program's thresholds."""
    rng = np.random.default_rng(0)
    videos = [made.scores(length, rng) for length in made.lengths("test", 210)]

    def ours():
        return list(generation.propose_test(videos, made.GRID, settings["proposals"]))

    def plain():
        return [oracle.propose(scores.fused, scores.video) for scores in videos]

    seconds, baseline = medians(5, now, ours, plain)
    size = f"{len(videos)} videos, {sum(map(len, ours()))} proposals"
    return {"propose": Result(size, seconds, baseline)}


def suppress(settings: dict, quick: bool, now: Clock) -> dict[str, Result]:
    """Soft-NMS of a test split's candidates, and of ten times as many videos."""
    parts = {}
    for name, videos in (("suppress", 210), ("suppress_840000", 2100)):
        if quick and name != "suppress":
            continue
        _, candidates = made.evaluation(400 * videos, 400)

        def ours(given=candidates):
            return list(suppression.suppress(given.items(), settings["detection"], {}))

        seconds, baseline = medians(3, now, ours)[0], None
        size = f"{400 * videos} proposals"
        if name == "suppress":
            share = list(candidates.values())[:: 35 if quick else 5]
            plain = [rows(found) for found in share]
            baseline = clock(lambda plain=plain: [oracle.soft_nms(found) for found in plain], now)
            baseline *= sum(map(overlaps, candidates.values())) / sum(map(overlaps, share))
            size += f"; oracle on {len(share)} of {videos} videos"
        parts[name] = Result(size, seconds, baseline)
    return parts


def overlaps(found: Segments) -> int:
    """To what the cost of a video's suppression grows: the pairs of its segments of one class."""
    return int((np.bincount(found.labels) ** 2).sum())


def evaluate(settings: dict, quick: bool, now: Clock) -> dict[str, Result]:
    """mAP of as many detections as the golden file has, and of a million; reading them from their file."""
    names = [f"class {label}" for label in range(made.CLASSES)]
    parts = {}
    for name, count in (("evaluate", DETECTIONS), ("evaluate_million", 1_000_000)):
        truth, detections = made.evaluation(count, A_VIDEO)
        rounds = 5 if name == "evaluate" else 2 if quick else 3

        def ours(truth=truth, detections=detections):
            return mean_ap.evaluate(truth, detections.items(), names, TIOU)

        seconds, baseline = medians(rounds, now, ours)[0], None
        if name == "evaluate":
            plain = [(video, label, *times, score) for video, *times, label, score in videos_rows(detections)]
            instances = [(video, label, *times) for video, *times, label, _ in videos_rows(truth)]
            baseline = clock(
                lambda plain=plain, instances=instances: oracle.evaluate(plain, instances, TIOU), now
            )
        parts[name] = Result(f"{count} detections, {len(truth)} videos", seconds, baseline)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "detections.json"
            results.write(path, detections.items(), names)
            megabytes = path.stat().st_size / 1e6
            seconds = medians(rounds, now, lambda path=path: results.read(path, names))[0]
            plain = medians(rounds, now, lambda path=path: json.loads(path.read_text()))[0]
        size = f"{count} detections, {megabytes:.0f} MB; baseline: json.loads alone"
        parts[f"read_{name}"] = Result(size, seconds, plain)
    return parts


def videos_rows(videos: dict[str, Segments]) -> list[tuple]:
    """(video, start, end, class, score), in order."""
    return [(video, *row) for video, found in videos.items() for row in rows(found)]


def convert(settings: dict, quick: bool, now: Clock) -> dict[str, Result]:
    """.npy files into features.h5, beside a plain copy of the files."""
    rng = np.random.default_rng(0)
    lengths = made.lengths("train", 12 if quick else 60)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        names = {f"video_{number}": length for number, length in enumerate(lengths)}
        for name, length in names.items():
            path = root / "features" / "train" / f"{name}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, rng.random((length, 2048), dtype=np.float32))
        durations = {name: float(made.GRID.seconds(length)) for name, length in names.items()}

        def ours():
            convert_training_split(root, list(names), durations, Path(folder) / "features.h5")

        def plain():
            shutil.copytree(root, Path(folder) / "copy", dirs_exist_ok=True)

        seconds, baseline = medians(5, time.perf_counter, ours, plain)
    size = f"{sum(lengths) * 2048 * 4 / 1e6:.0f} MB; baseline and limit: a plain copy"
    return {"convert": Result(size, seconds, baseline, baseline)}


def convert_training_split(root: Path, videos: list[str], durations: dict[str, float], output: Path) -> None:
    """The features of a data set's training videos in one file; durations: {video: seconds}."""
    layout = FeatureFiles()
    sources = layouts.of_splits(root, layout, {"train": videos})
    features.convert(sources, durations, made.GRID, dtype="float32", layout=layout, output=output)


def start(settings: dict, quick: bool, now: Clock) -> dict[str, Result]:
    """A whole process: the demo's stage-1 training cut to one iteration, so start-up and files alone."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def script(name: str, *arguments) -> None:
            command = [sys.executable, SCRIPTS / name, *arguments]
            subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)

        script("make_demo.py", "--output", folder / "data")
        contents = splits.read(folder / "data")
        points = conversion.convert(contents).points
        (folder / "points.json").write_text(json.dumps(points))
        videos = list(points["videos"])
        durations = conversion.durations(contents, "train")
        convert_training_split(folder / "data", videos, durations, folder / "features.h5")
        cut = settings["stage1"].model_copy(update={"iterations": 1})
        arguments = ["--features", folder / "features.h5", "--points", folder / "points.json", "--seed", 0]
        arguments += ["--settings", cut.model_dump_json(), "--model", folder / "model.pt"]
        arguments += ["--events", folder / "events"]
        bare = [sys.executable, "-c", "import torch"]
        seconds, torch_alone = medians(
            3 if quick else 5,
            time.perf_counter,
            lambda: script("train_stage1.py", *arguments),
            lambda: subprocess.run(bare, check=True),
        )
    return {"train_stage1": Result("one iteration; baseline: import torch alone", seconds, torch_alone)}
