"""All stages' models and the settings around them in one file, which detects on new videos."""

import argparse

from hrpro import config, predict
from hrpro.data.features import FeatureFile
from hrpro.detection import gate
from hrpro.events import calibration
from hrpro.utils import errors, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage1", required=True, help="of train_stage1.py")
    parser.add_argument("--stage2", nargs="?", help="of train_stage2.py; without it stage 1 detects alone")
    parser.add_argument("--stage3", nargs="?", help="of train_stage3.py, where the experiment has a stage 3")
    parser.add_argument("--features", required=True, help="the training split's, which say how files lay")
    parser.add_argument("--gate", nargs="?", help="of gate.py: which stages count; without it, all")
    parser.add_argument(
        "--settings", required=True, help="JSON of settings.{features,proposals,detection} and the layout"
    )
    parser.add_argument(
        "--calibration", nargs="?", help="of calibrate_events.py: the model lists events, too"
    )
    parser.add_argument("--events", default="{}", help="JSON of settings.events, with --calibration")
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Prediction, args.settings)
    with FeatureFile(args.features) as features:
        settings = settings.model_copy(update={"orientations": sorted(features.orientations)})
    if args.calibration:
        events = calibration.read(args.calibration, config.from_json(config.Events, args.events, "--events"))
        settings = settings.model_copy(update={"events": events})
    counts = gate.read(args.gate)
    stage2 = None if counts == "stage1" else args.stage2
    stage3 = args.stage3 if counts == "stage3" else None
    predict.bundle(args.output, args.stage1, stage2, settings, stage3)


if __name__ == "__main__":
    errors.run(main)
