"""The evaluations of all seeds of an experiment, and its reliable proposals' quality -> its map.json."""

import argparse
import json

from hrpro.detection import gate
from hrpro.evaluation import aggregation
from hrpro.utils import errors, files, options, progress

RANKED = ("stage1", "stage2")  # the stages whose reliable proposals are measured
# stage, pick and the argument that lists the evaluations, one file per seed
SOURCES = [
    (stage, pick, f"{stage}_{pick}".replace("-", "_"))
    for stage, pick in (
        ("stage1", "last"),
        ("stage1", "best-on-test"),
        ("stage2", "last"),
        ("stage2", "best-on-test"),
        ("stage3", "last"),
        ("gated", "last"),  # the last one that counts, by --gate
    )
]

EVENTS = ("F1", "edit", "calibration", "std")  # keys of its figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--seeds", type=options.seed, nargs="+", required=True)
    for stage, pick, name in SOURCES:
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, nargs="*", default=[], help=f"{stage}, {pick}: one map.json per seed")
        if stage in RANKED:
            parser.add_argument(f"{option}-reliable", nargs="*", default=[], help="of measure_reliable.py")
    parser.add_argument("--gate", nargs="?", help="of gate.py: which stages count, and why")
    parser.add_argument(
        "--none-held-back",
        action="store_true",
        help="no training video could be held back",
    )
    parser.add_argument("--records", nargs="*", default=[], help="what each model was trained on")
    parser.add_argument("--events", nargs="?", help="of measure_events.py, where the experiment has it")
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    if len(set(args.seeds)) < len(args.seeds):
        raise errors.InputError(f"--seeds: one of {' '.join(map(str, args.seeds))} stands twice; remove it")
    stages, tiou = {}, None
    for stage, pick, name in SOURCES:
        for each in (name, f"{name}_reliable"):
            if (count := len(getattr(args, each, []))) not in (0, len(args.seeds)):
                option = each.replace("_", "-")
                raise errors.InputError(
                    f"--{option}: {count} files of {len(args.seeds)} seeds; give one per seed"
                )
        runs = [
            read(path, "tiou", "mAP", "per_class", use=aggregation.over_seeds) for path in getattr(args, name)
        ]
        if not runs:
            continue
        for run, path in zip(runs, getattr(args, name), strict=True):
            if (run["tiou"], set(run["per_class"])) != (runs[0]["tiou"], set(runs[0]["per_class"])):
                raise errors.InputError(
                    f"{path}: other classes or thresholds than in {getattr(args, name)[0]}; make both alike"
                )
        paths = getattr(args, f"{name}_reliable", [])
        reliable = [read(path, *aggregation.QUALITY, use=aggregation.quality_over_seeds) for path in paths]
        figures = aggregation.over_seeds(runs)
        figures["reliable"] = aggregation.quality_over_seeds(reliable)
        stages.setdefault(stage, {})[pick] = figures
        tiou = runs[0]["tiou"]
    if not stages:
        raise errors.InputError("no map.json of any stage; give those of --stage1-last, say")
    machines = [read(path, "device", "threads", "instructions") for path in args.records]
    measured = {}
    if args.gate:
        gate.read(args.gate)  # raises InputError where it is another file; what follows takes all of it
        measured["gate"] = read(args.gate, "counts", "mAP")
    if args.none_held_back:
        progress.log.warning(
            "no training video can be held back, which takes two with timed points and copies.held_points: "
            "nothing says which stages count, and no events are listed"
        )
    if args.events:
        measured["events"] = read(args.events, *EVENTS)
        del measured["events"]["calibration"]
    files.write_json(
        args.output,
        {
            "dataset": args.dataset,
            "experiment": args.experiment,
            "tiou": tiou,
            "seeds": args.seeds,
            "stages": stages,
            **measured,
            "trained_on": [m for row, m in enumerate(machines) if m not in machines[:row]],
        },
        indent=1,
    )


def read(path: str, *keys: str, use=list) -> dict:
    """What a step has written. Raises InputError where it is another file; use: what has to work with it."""
    content = files.read_json(path, *keys)
    try:
        json.dumps([content, use([content])], allow_nan=False)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise errors.InputError(f"{path}: not a file of hrpro's ({error!r}); make it again") from None
    return content


if __name__ == "__main__":
    errors.run(main)
