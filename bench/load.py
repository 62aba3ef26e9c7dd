"""Detections at load: seconds, peak memory and bytes of each step from the scores to the mAP.

A made test split of 2,000 videos and 300 classes with 50,000 instances; 27 classes per video get proposals,
which makes 20 million detections of stage 2, whose network is as it begins.
"""

import argparse
import contextlib
import json
from pathlib import Path

import h5py
import numpy as np
import torch

from hrpro import model_file
from hrpro.data import features
from hrpro.grid import Grid
from hrpro.instance.model import InstanceModel
from hrpro.utils import files
from settings import ROOT, command, configuration
from streaming import watched

GRID, WIDTH = Grid(16, 25), 32
LENGTHS = (80, 160)  # snippets
INSTANCES, LIKELY = 25, 27  # instances, and classes that get proposals, per video


def main() -> None:
    """Make what is not there, run each step, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for the files")
    parser.add_argument("--videos", type=int, default=2000)
    parser.add_argument("--classes", type=int, default=300)
    parser.add_argument("--scripts", type=Path, default=ROOT / "workflow" / "scripts")
    parser.add_argument(
        "--most", type=int, help="detections per video and class; default: the configuration's"
    )
    args = parser.parse_args()
    folder = args.folder
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "model.pt").exists():
        make(folder, args.videos, [f"class {number}" for number in range(args.classes)])
    settings = configuration().step("activitynet", "detection", "default").model_dump()
    if args.most:
        settings["max_per_class"] = args.most
    common = {"labels": folder / "points.json", "proposals": folder / "proposals.json"}
    common |= {"settings": json.dumps(settings)}
    scores = {"scores": folder / "scores.h5"}
    of_stage2 = {"features": folder / "features.h5", "model": folder / "model.pt", "threads": 1}
    of_stage2["candidates"] = folder / "candidates.h5"
    proposals = configuration().step("activitynet", "proposals", "default").model_dump_json()
    steps = {"propose_test": scores | {"settings": proposals, "output": common["proposals"]}}
    for stage, more in (("stage1", {}), ("stage2", scores | of_stage2)):
        detections = folder / f"{stage}.json"
        steps[f"detect_{stage}"] = common | more | {"output": detections}
        truth = {"annotations": folder / "annotations.json", "subset": "test"}
        steps[f"evaluate {stage}"] = truth | {
            "detections": detections,
            "output": folder / f"{stage}-map.json",
        }
    for name, options in steps.items():
        python, _, *rest = command(script := f"{name.split()[0]}.py", options)
        used = watched([python, str(args.scripts / script), *rest])
        print(f"{name}: {used}; {options['output'].stat().st_size / 1e9:.2f} GB written", flush=True)


def make(folder: Path, videos: int, classes: list[str]) -> None:
    """features.h5, scores.h5, points.json, annotations.json and model.pt."""
    rng, database = np.random.default_rng(0), {}
    with contextlib.ExitStack() as stack:
        parts = [
            stack.enter_context(h5py.File(folder / f"{name}.h5", "w")) for name in ("features", "scores")
        ]
        facts = {"width": WIDTH, "by_columns": [False], "format_version": features.FORMAT_VERSION}
        parts[0].attrs.update(facts, snippet_frames=16, snippet_window=16, snippet_fps=25.0)
        parts[1].attrs["classes"] = json.dumps(classes)
        parts[1].attrs["thresholds"] = json.dumps({"background": 0.95, "action": 0.1})
        parts[1].attrs["grid"] = json.dumps({"frames": 16, "fps": 25.0, "window": 16})
        for number in range(videos):
            video, length = f"v_{number}", int(rng.integers(*LENGTHS))
            parts[0][video] = rng.standard_normal((length, WIDTH), dtype=np.float32)
            likely = rng.choice(len(classes), min(LIKELY, len(classes)), replace=False)
            columns = np.full((length, len(classes) + 1), 0.01, dtype=np.float32)
            columns[:, likely] = rng.random((length, len(likely)))
            columns[:, -1] = 0.2 * rng.random(length)
            parts[1][video] = columns
            parts[1][video].attrs["video"] = np.isin(np.arange(len(classes)), likely).astype(float)
            seconds = float(GRID.seconds(length))
            starts = rng.uniform(0, 0.9 * seconds, INSTANCES)
            instances = [
                {"label": classes[label], "segment": [start, min(start + long, seconds)]}
                for start, long, label in zip(
                    starts.tolist(),
                    rng.gamma(2, 3, INSTANCES).tolist(),
                    rng.choice(likely, INSTANCES),
                    strict=True,
                )
            ]
            entry = {"subset": "test", "duration": seconds, "annotations": instances, "ambiguous": []}
            database[video] = entry
    files.write_json(folder / "annotations.json", {"database": database})
    files.write_json(folder / "points.json", {"classes": classes, "videos": {}})
    torch.manual_seed(0)
    settings = configuration().step("activitynet", "stage2", "default")
    model = InstanceModel(len(classes), WIDTH, settings)
    model_file.save(folder / "model.pt", model, settings=settings, classes=classes, width=WIDTH, grid=GRID)


if __name__ == "__main__":
    main()
