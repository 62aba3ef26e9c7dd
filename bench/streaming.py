"""Stage 1 on a made data set of ActivityNet's size: its peak memory, and how busy reading leaves the cores.

The training is ended after its passes over the whole file (moments, prototypes), the file dropped from
the system's cache, and the training resumed: the steps measured read from the disk.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np

from hrpro import features, files, progress
from settings import ROOT, configuration

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
    if not (args.folder / "points.json").exists():
        make(args.folder, args.videos, args.gigabytes * 1e9)
    for state in ("state.pt", "model.pt"):
        (args.folder / state).unlink(missing_ok=True)
    began = time.monotonic()
    begin(args.folder, args.steps)
    passes = time.monotonic() - began
    drop(args.folder / "features.h5")
    began, before = time.monotonic(), used()
    subprocess.run(command(args.folder, args.steps, 60), check=True)
    seconds, cores = time.monotonic() - began, used() - before
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
    print(
        f"passes and the first step: {passes:.0f} s; {args.steps - 1} steps with start-up: {seconds:.0f} s, "
        f"{cores / seconds:.2f} cores busy; peak {peak:.2f} GB resident"
    )


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


def command(folder: Path, steps: int, state_every: int) -> list[str]:
    """The default's training of so many steps."""
    chosen = configuration().step("activitynet", "stage1", "default").model_dump() | {"iterations": steps}
    given = {
        "features": folder / "features.h5",
        "points": folder / "points.json",
        "settings": json.dumps(chosen),
        "seed": 0,
        "threads": os.cpu_count(),
        "model": folder / "model.pt",
        "events": folder / "events",
        "state": folder / "state.pt",
        "state-every": state_every,
        "key": "bench",
    }
    script = ROOT / "workflow" / "scripts" / "train_stage1.py"
    return [
        sys.executable,
        str(script),
        *(part for key, value in given.items() for part in (f"--{key}", str(value))),
    ]


def begin(folder: Path, steps: int) -> None:
    """Train until the first step's state is saved."""
    process = subprocess.Popen(command(folder, steps, 0))
    while not (folder / "state.pt").exists():
        if process.poll() is not None:
            sys.exit(f"the training ended with {process.returncode}")
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.wait()


def drop(path: Path) -> None:
    """Drop a file from the system's cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def used() -> float:
    """Processor seconds of the ended children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
