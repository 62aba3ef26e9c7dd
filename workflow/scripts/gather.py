"""The evaluations of all seeds of an experiment, and its reliable proposals' quality -> its map.json."""

import argparse

import numpy as np

from hrpro.evaluation import mean_ap as evaluation
from hrpro.utils import errors, files, progress

# stage, pick and the argument that lists the evaluations, a file a seed
SOURCES = [
    (stage, pick, f"{stage}_{pick}".replace("-", "_"))
    for stage in ("stage1", "stage2")
    for pick in ("last", "best-on-test")
]
QUALITY = ("tiou", "without", "over_0.5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    for stage, pick, name in SOURCES:
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, nargs="*", default=[], help=f"{stage}, {pick}: a file a seed")
        parser.add_argument(f"{option}-reliable", nargs="*", default=[], help="of measure_reliable.py")
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    stages, tiou = {}, None
    for stage, pick, name in SOURCES:
        runs = [files.read_json(path, "tiou", "mAP", "per_class") for path in getattr(args, name)]
        reliable = [files.read_json(path, *QUALITY) for path in getattr(args, f"{name}_reliable")]
        if runs:
            tiou = runs[0]["tiou"]
            stages.setdefault(stage, {})[pick] = over_seeds(runs) | {"reliable": quality(reliable)}
    files.write_json(
        args.output,
        {
            "dataset": args.dataset,
            "experiment": args.experiment,
            "tiou": tiou,
            "seeds": args.seeds,
            "stages": stages,
        },
        indent=1,
    )


def over_seeds(runs: list[dict]) -> dict:
    """Means over the seeds of mAP, its averages and AP a class, all in %, and the averages' deviation."""
    tiou = runs[0]["tiou"]
    each = [evaluation.averages(run["mAP"], tiou) for run in runs]
    mean = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
    spread = {name: deviation([one[name] for one in each]) for name in each[0]}
    return {
        "mAP": np.mean([run["mAP"] for run in runs], axis=0).tolist(),
        "average": mean,
        "std": spread,
        "per_class": {
            name: np.mean([run["per_class"][name] for run in runs], axis=0).tolist()
            for name in runs[0]["per_class"]
        },
    }


def quality(runs: list[dict]) -> dict:
    """Means over the seeds of the reliable proposals' quality, in %, and the deviation; None if unknown."""
    values = {key: [run[key] for run in runs if run[key] is not None] for key in QUALITY}
    mean = {key: float(np.mean(found)) if found else None for key, found in values.items()}
    return mean | {"std": {key: deviation(found) if found else None for key, found in values.items()}}


def deviation(values: list[float]) -> float:
    """The sample's deviation (n - 1), and 0 for one value."""
    return float(np.std(values, ddof=len(values) > 1))


if __name__ == "__main__":
    errors.run(main)
