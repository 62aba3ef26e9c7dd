"""Both stages on a made data set of ActivityNet's size: peak memory, and how busy reading leaves the cores.

Stage 1 is ended after its passes over the whole file (moments, prototypes), the file dropped from the
system's cache, and the training resumed: the steps measured read from the disk. So do stage 2's.
"""

import argparse
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

WIDTH, CLASSES, POINTS = 2048, 200, 2  # channels, classes, points a video
SHORTEST = 20  # snippets; the longest has as many more than the mean as this has less
BLOCK = 8192  # snippets of noise that the videos are cut from
SPLITS = {"train": 2, "test": 1}  # shares


def main() -> None:
    """Make what is not there, train, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for the data set and the training")
    parser.add_argument("--videos", type=int, default=13500)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    if not all((args.folder / name).exists() for name in ("features.h5", "points.json")):
        make(args.folder, args.videos, args.gigabytes * 1e9)
    for state in args.folder.glob("state*.pt"):
        state.unlink()
    stage1 = training(args.folder, "stage1", args.steps)
    began = time.monotonic()
    begin([*stage1, "--state-every", "0"], args.folder / "state1.pt")
    print(f"stage 1, passes and the first step: {time.monotonic() - began:.0f} s")
    drop(args.folder / "features.h5")
    print(f"stage 1, {args.steps - 1} steps with start-up: {watched(stage1)}", flush=True)
    print(f"scores: {watched(scoring(args.folder))}", flush=True)
    print(f"proposals: {watched(proposing(args.folder))}", flush=True)
    drop(args.folder / "features.h5")
    stage2 = training(args.folder, "stage2", args.steps)
    print(f"stage 2, start-up, moments and {args.steps} steps: {watched(stage2)}", flush=True)


def make(folder: Path, videos: int, size: float) -> None:
    """features.h5 of `size` bytes and points.json."""
    rng = np.random.default_rng(0)
    block = rng.standard_normal((BLOCK, WIDTH), dtype=np.float32)
    mean = int(size / (4 * WIDTH * videos))
    names = [f"v_{number}" for number in range(videos)]
    lengths = rng.integers(SHORTEST, 2 * mean - SHORTEST, videos, endpoint=True).tolist()
    points = {}
    with files.atomic(folder / "features.h5") as temporary, h5py.File(temporary, "w") as file:
        facts = {"width": WIDTH, "snippet_frames": 16, "snippet_fps": 25.0}
        file.attrs.update(facts, format_version=features.FORMAT_VERSION)
        for number, (video, length) in enumerate(
            progress.track(zip(names, lengths, strict=True), videos, "make")
        ):
            split = "train" if number % sum(SPLITS.values()) < SPLITS["train"] else "test"
            first = rng.integers(BLOCK - length)
            data = block[first : first + length]
            file.create_dataset(f"{split}/{video}", data=data, chunks=data.shape)
            if split == "train":
                seconds = np.sort(rng.uniform(0, length * 16 / 25, POINTS)).tolist()
                label = f"class {rng.integers(CLASSES)}"
                points[video] = [{"label": label, "seconds": at} for at in seconds]
    classes = sorted({point["label"] for own in points.values() for point in own})
    files.write_json(folder / "points.json", {"classes": classes, "videos": points})


def training(folder: Path, stage: str, steps: int) -> list[str]:
    """The default's training of so many steps."""
    given = {
        "features": folder / "features.h5",
        "settings": settings(stage, iterations=steps),
        "seed": 0,
        "threads": os.cpu_count(),
        "model": folder / f"model{stage[-1]}.pt",
        "events": folder / f"events{stage[-1]}",
        "state": folder / f"state{stage[-1]}.pt",
        "key": "bench",
    }
    if stage == "stage1":
        given["points"] = folder / "points.json"
    else:
        given |= {"scores": folder / "scores.h5"}
        given |= {name: folder / f"{name}.json" for name in ("positive", "reliable", "negative")}
    return command(f"train_{stage}.py", given)


def scoring(folder: Path) -> list[str]:
    """The scores of all videos, by stage 1."""
    given = {"features": folder / "features.h5", "model": folder / "model1.pt", "threads": os.cpu_count()}
    return command("score_snippets.py", given | {"output": folder / "scores.h5"})


def proposing(folder: Path) -> list[str]:
    """All proposals."""
    given = {"scores": folder / "scores.h5", "points": folder / "points.json", "seed": 0, "frames": 16}
    given |= {"fps": 25, "settings": settings("proposals", class_score=1.0)}  # one class a video
    names = ("positive", "reliable", "negative", "test")
    return command("propose.py", given | {name: folder / f"{name}.json" for name in names})


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
