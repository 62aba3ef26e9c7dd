"""The evaluations of all seeds of an experiment -> its map.json."""

import argparse

import numpy as np

from hrpro import errors, evaluation, files, progress

# stage, pick and the argument that lists the evaluations, a file a seed
SOURCES = [
    (stage, pick, f"{stage}_{pick}".replace("-", "_"))
    for stage in ("stage1", "stage2")
    for pick in ("last", "best-on-test")
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    for stage, pick, name in SOURCES:
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, nargs="*", default=[], help=f"{stage}, {pick}: a file a seed")
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    stages, tiou = {}, None
    for stage, pick, name in SOURCES:
        runs = [files.read_json(path, "tiou", "mAP", "per_class") for path in getattr(args, name)]
        if runs:
            tiou = runs[0]["tiou"]
            stages.setdefault(stage, {})[pick] = over_seeds(runs)
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
    """Means over the seeds of mAP, its averages and AP a class, all in %, and the averages' deviation.

    The deviation is the sample's (n - 1), and 0 for one seed.
    """
    tiou = runs[0]["tiou"]
    each = [evaluation.averages(run["mAP"], tiou) for run in runs]
    mean = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
    spread = {name: float(np.std([one[name] for one in each], ddof=len(runs) > 1)) for name in each[0]}
    return {
        "mAP": np.mean([run["mAP"] for run in runs], axis=0).tolist(),
        "average": mean,
        "std": spread,
        "per_class": {
            name: np.mean([run["per_class"][name] for run in runs], axis=0).tolist()
            for name in runs[0]["per_class"]
        },
    }


if __name__ == "__main__":
    errors.run(main)
