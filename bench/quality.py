"""mAP against seconds of training, default and released: from the logs of trainings tested on the way.

    for v in default released; do s=results/<data set>/best-on-test/seed1/stage1-$v/proposals-$v
      snakemake --configfile config/shared.yaml bench/quality.yaml --cores 2 -- \\
        $s/stage2-$v/detection-$v/evaluation-$v/map.json; done
    PYTHONPATH=workflow/scripts python bench/quality.py <data set>

The logs give the mAP after so many steps; how long a step takes is measured here, on a quiet machine. Tests
count for nothing, nor do start-up, scores and proposals, a few seconds in all.
"""

import argparse
import re
import subprocess
import tempfile
import time
from pathlib import Path

from hrpro import config
from settings import ROOT, command, configuration

TESTED = re.compile(r"step (\d+): mAP on the test split ([\d.]+)")
STEPS = {"stage1": (3, 13), "stage2": (10, 60)}  # the seconds between these are measured


def main() -> None:
    """Print a curve per variant, and when the default reaches the released program's last mAP."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--configfile", nargs="*", default=[str(ROOT / "bench/quality.yaml")])
    args = parser.parse_args()
    whole = configuration(*args.configfile)
    curves = {variant: curve(whole, args.dataset, args.seed, variant) for variant in ("default", "released")}
    for variant, points in curves.items():
        for stage, seconds, score in points:
            print(f"{variant:<10}{stage:<8}{seconds:8.0f} s {score:8.1f}")
    last = max(
        (point for point in curves["released"] if is_last(point, curves["released"])), key=lambda p: p[2]
    )
    reached = next((seconds for _, seconds, score in curves["default"] if score >= last[2]), None)
    print(f"released ends at {last[2]:.1f} after {last[1]:.0f} s ({last[0]})")
    if reached is None:
        print("the default does not reach it")
    else:
        print(f"the default is there after {reached:.0f} s, {last[1] / reached:.1f} times sooner")


def is_last(point: tuple, points: list[tuple]) -> bool:
    """Whether a point ends its stage."""
    return point == [other for other in points if other[0] == point[0]][-1]


def curve(whole: config.Config, dataset: str, seed: int, variant: str) -> list[tuple[str, float, float]]:
    """(stage, seconds of training so far, mAP in %) of both stages of a variant."""
    folder = f"{dataset}/best-on-test/seed{seed}/stage1-{variant}"
    places = {"stage1": folder, "stage2": f"{folder}/proposals-{variant}/stage2-{variant}"}
    points, before = [], 0.0
    for stage, place in places.items():
        each = seconds_per_step(dataset, Path("results") / place, stage, whole.step(dataset, stage, variant))
        log = (Path("logs") / place / f"train_{stage}.log").read_text()
        tests = [(int(step) * each, float(score)) for step, score in TESTED.findall(log)]
        points += [(stage, before + seconds, score) for seconds, score in tests]
        before += tests[-1][0]
    return points


def seconds_per_step(dataset: str, place: Path, stage: str, settings) -> float:
    """What a step takes: the difference between two short trainings, over their steps."""
    inputs = {"features": f"results/{dataset}/train/features.h5"}
    if stage == "stage1":
        inputs["points"] = f"results/{dataset}/train/points.json"
    else:
        inputs["scores"] = place.parent.parent / "train/scores.h5"
        for name in ("positive", "reliable", "negative"):
            inputs[name] = place.parent / f"train/{name}.json"
    few, more = STEPS[stage]
    return (train(stage, inputs, settings, more) - train(stage, inputs, settings, few)) / (more - few)


def train(stage: str, inputs: dict, settings, steps: int) -> float:
    """The seconds of a training of so many steps."""
    changed = {"iterations": steps} | ({"epochs": None} if stage == "stage2" else {})
    with tempfile.TemporaryDirectory() as folder:
        options = inputs | {
            "settings": config.canonical(settings.model_copy(update=changed)),
            "seed": 0,
            "threads": 2,
            "model": f"{folder}/model.pt",
            "events": f"{folder}/events",
        }
        began = time.monotonic()
        subprocess.run(command(f"train_{stage}.py", options), check=True, stderr=subprocess.DEVNULL)
        return time.monotonic() - began


if __name__ == "__main__":
    main()
