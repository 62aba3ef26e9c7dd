"""Both stages on a made data set of ActivityNet's size: peak memory, and how busy reading leaves the cores.

Stage 1 is ended after its pass over the whole file (prototypes), the file dropped from the
system's cache, and the training resumed: the steps measured read from the disk. So do stage 2's.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np

from hrpro.data import features
from hrpro.utils import files, progress
from settings import command, configuration

WIDTH, CLASSES, POINTS = 2048, 200, 2  # channels, classes, points per video
SHORTEST = 20  # snippets; the longest has as many more than the mean as this has less
BLOCK = 8192  # snippets of noise that the videos are cut from
SPLITS = {"train": 2, "test": 1}  # shares
KINDS = ("positive", "reliable", "negative")  # of training proposals


def main() -> None:
    """Make what is not there, train, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for the data set and the training")
    parser.add_argument("--videos", type=int, default=13500)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    if not (args.folder / "points.json").exists():
        make(args.folder, args.videos, args.gigabytes * 1e9)
    for state in args.folder.glob("state*.pt"):
        state.unlink()
    stage1 = training(args.folder, "stage1", args.steps)
    began = time.monotonic()
    begin([*stage1, "--state-every", "0"], args.folder / "state1.pt")
    print(f"stage 1, the pass and the first step: {time.monotonic() - began:.0f} s")
    drop(args.folder / "train.h5")
    print(f"stage 1, {args.steps - 1} steps with start-up: {watched(stage1)}", flush=True)
    for split in SPLITS:
        print(f"scores, {split}: {watched(scoring(args.folder, split))}", flush=True)
    subprocess.run(labelling(args.folder), check=True)
    print(f"proposals, train: {watched(proposing_training(args.folder))}", flush=True)
    print(f"ranking: {watched(ranking(args.folder))}", flush=True)
    print(f"proposals, test: {watched(proposing_test(args.folder))}", flush=True)
    drop(args.folder / "train.h5")
    stage2 = training(args.folder, "stage2", args.steps)
    print(f"stage 2, start-up and {args.steps} steps: {watched(stage2)}", flush=True)


def make(folder: Path, videos: int, size: float) -> None:
    """train.h5 and test.h5, features of `size` bytes in all, and points.json."""
    rng = np.random.default_rng(0)
    block = rng.standard_normal((BLOCK, WIDTH), dtype=np.float32)
    mean = int(size / (4 * WIDTH * videos))
    names = [f"v_{number}" for number in range(videos)]
    lengths = rng.integers(SHORTEST, 2 * mean - SHORTEST, videos, endpoint=True).tolist()
    points = {}
    with contextlib.ExitStack() as stack:
        parts = {}
        for split in SPLITS:
            temporary = stack.enter_context(files.atomic(folder / f"{split}.h5"))
            parts[split] = stack.enter_context(h5py.File(temporary, "w", locking=False))
            facts = {"width": WIDTH, "by_columns": [False], "format_version": features.FORMAT_VERSION}
            facts |= {"mean": np.zeros(WIDTH), "deviation": np.ones(WIDTH)}  # of the noise
            parts[split].attrs.update(facts, snippet_frames=16, snippet_window=16, snippet_fps=25.0)
        for number, (video, length) in enumerate(
            progress.track(zip(names, lengths, strict=True), videos, "make")
        ):
            split = "train" if number % sum(SPLITS.values()) < SPLITS["train"] else "test"
            first = rng.integers(BLOCK - length)
            data = block[first : first + length]
            stored = parts[split].create_dataset(video, data=data, chunks=data.shape)
            stored.attrs["sha256"] = str(number)  # of no source; a checkpoint wants one
            if split == "train":
                seconds = np.sort(rng.uniform(0, length * 16 / 25, POINTS)).tolist()
                label = f"class {rng.integers(CLASSES)}"
                points[video] = [{"label": label, "seconds": at} for at in seconds]
    classes = sorted({point["label"] for of_video in points.values() for point in of_video})
    files.write_json(folder / "points.json", {"classes": classes, "videos": points})


def training(folder: Path, stage: str, steps: int) -> list[str]:
    """The default's training of so many steps."""
    options = {
        "features": folder / "train.h5",
        "settings": settings(stage, iterations=steps),
        "seed": 0,
        "threads": os.cpu_count(),
        "model": folder / f"model{stage[-1]}.pt",
        "events": folder / f"events{stage[-1]}",
        "state": folder / f"state{stage[-1]}.pt",
        "code": "bench",
    }
    if stage == "stage1":
        options["points"] = folder / "points.json"
    else:
        options |= {"scores": folder / "scores-train.h5"} | {name: folder / f"{name}.json" for name in KINDS}
        options["labels"] = folder / "labels.json"
    return command(f"train_{stage}.py", options)


def scoring(folder: Path, split: str) -> list[str]:
    """The scores of a split's videos, by stage 1."""
    options = {"features": folder / f"{split}.h5", "model": folder / "model1.pt", "threads": os.cpu_count()}
    return command("score_snippets.py", options | {"output": folder / f"scores-{split}.h5"})


def labelling(folder: Path) -> list[str]:
    """The classes of the training videos."""
    return command("label_videos.py", {"points": folder / "points.json", "labels": folder / "labels.json"})


def proposing_training(folder: Path) -> list[str]:
    """The proposals of the training videos."""
    options = {"scores": folder / "scores-train.h5", "labels": folder / "labels.json"}
    options |= {"settings": settings("proposals", class_score=1.0)}  # one class per video
    return command("propose_training.py", options | {"output": folder / "positive.json"})


def ranking(folder: Path) -> list[str]:
    """The training videos' proposals ranked by their points."""
    options = {"scores": folder / "scores-train.h5", "points": folder / "points.json", "seed": 0}
    options |= {"settings": settings("proposals", class_score=1.0)}
    return command("rank_proposals.py", options | {name: folder / f"{name}.json" for name in KINDS})


def proposing_test(folder: Path) -> list[str]:
    """The proposals of the test videos."""
    options = {"scores": folder / "scores-test.h5", "settings": settings("proposals", class_score=1.0)}
    return command("propose_test.py", options | {"output": folder / "proposals.json"})


def settings(step: str, **changes) -> str:
    """The default's settings of a step, some changed, as JSON."""
    return json.dumps(configuration().step("activitynet", step, "default").model_dump() | changes)


def begin(command: list[str], state: Path) -> None:
    """Train until the first step's state is saved."""
    process = subprocess.Popen(command)
    while not state.exists():
        if process.poll() is not None:
            sys.exit(f"the training ended with {process.returncode}")
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.wait()


def watched(command: list[str]) -> str:
    """Run a command: its seconds, how many cores it kept busy, and its peak memory, in words."""
    began = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{Path(command[1]).name} ended with {process.returncode}")
    seconds, peak = time.monotonic() - began, usage.ru_maxrss * 1024 / 1e9
    cores = (usage.ru_utime + usage.ru_stime) / seconds
    return f"{seconds:.0f} s, {cores:.2f} cores busy, peak {peak:.2f} GB resident"


def drop(path: Path) -> None:
    """Drop a file from the system's cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main()
