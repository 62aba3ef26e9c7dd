"""The scores of every snippet of a split, by a trained stage-1 model."""

import argparse

from hrpro import inference
from hrpro.data import scores
from hrpro.data.features import FeatureFile
from hrpro.utils import devices, errors, options, process, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", required=True)
    parser.add_argument("--model", required=True, help="of train_stage1.py")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    device = devices.choose_device(args.device)
    with FeatureFile(args.features) as features:
        file, stage1 = inference.fitting(args.model, "stage1", device, features=features)
        thresholds = {
            "background": file.settings.background_threshold,
            "action": file.settings.action_threshold,
        }
        process.start(seed=0, threads=args.threads, width=features.width)  # nothing is drawn
        scores.write(args.output, features, stage1.score, classes=file.classes, thresholds=thresholds)


if __name__ == "__main__":
    errors.run(main)
