"""The scores of every snippet of a split, by a trained stage-1 model."""

import argparse

from hrpro.data import scores
from hrpro.data.features import FeatureFile
from hrpro.snippet import model
from hrpro.snippet import scoring as infer
from hrpro.training import common as training
from hrpro.utils import devices, errors, progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", required=True)
    parser.add_argument("--model", required=True, help="of train_stage1.py")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    network, classes = model.load(args.model, devices.choose_device(args.device))
    settings = network.settings
    thresholds = {"background": settings.background_threshold, "action": settings.action_threshold}
    with FeatureFile(args.features) as file:
        training.start(0, args.threads, file.width)  # nothing is drawn
        scores.write(
            args.output,
            file,
            lambda features: infer.snippet_scores(network, features),
            classes=classes,
            thresholds=thresholds,
        )


if __name__ == "__main__":
    errors.run(main)
