"""Stage 2's detections on the test videos: its candidates from the proposals, suppressed."""

import argparse

import detect_stage1
from hrpro import inference
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.utils import devices, errors, options, process


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = detect_stage1.arguments()
    parser.description = __doc__
    parser.add_argument("--model", required=True, help="of train_stage2.py")
    parser.add_argument("--features", required=True)
    parser.add_argument("--scores", required=True, help="of score_snippets.py")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    return parser


def run(args, stage3=None) -> None:
    """Score, suppress and write the proposals, some videos at a time; stage3: a model file, or None."""

    def detect(proposals, settings):
        device = devices.choose_device(args.device)
        with FeatureFile(args.features) as features, ScoreFile(args.scores) as scores:
            of_these = {"features": features, "scores": scores}
            _, stage2 = inference.fitting(args.model, "stage2", device, **of_these)
            process.start(seed=0, threads=args.threads, width=features.width)  # nothing is drawn
            if stage3:
                _, third = inference.fitting(stage3, "stage3", device, **of_these)
                candidates = stage2.candidates_of_all(features, scores, proposals, settings)
                yield from third.detect_all(features, candidates, settings)
            else:
                yield from stage2.detect_all(features, scores, proposals, settings)

    detect_stage1.run(args, detect)


if __name__ == "__main__":
    errors.run(lambda: run(arguments().parse_args()))
