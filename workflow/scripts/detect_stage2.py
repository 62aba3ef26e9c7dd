"""Stage 2's detections on the test videos: its candidates from the proposals, suppressed."""

import argparse

import detect_stage1
from hrpro import inference
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import gate
from hrpro.utils import devices, errors, options, process


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = detect_stage1.arguments()
    parser.description = __doc__
    parser.add_argument("--model", required=True, help="of train_stage2.py")
    parser.add_argument("--features", required=True)
    parser.add_argument("--scores", required=True, help="of score_snippets.py")
    parser.add_argument("--gate", nargs="?", help="of gate.py: how far stages count; without it, in full")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    return parser


def run(args, stage3=None) -> None:
    """Score, suppress and write the proposals, some videos at a time; stage3: a model file, or None."""
    counts = gate.read(args.gate)

    def detect(proposals, settings):
        if counts.share == 0:
            yield from proposals
            return
        settings = gate.fused_with(settings, counts.share)
        device = devices.choose_device(args.device)
        with FeatureFile(args.features) as features, ScoreFile(args.scores) as scores:
            of_these = {"features": features, "scores": scores}
            _, stage2 = inference.fitting(args.model, "stage2", device, **of_these)
            process.start(seed=0, threads=args.threads, width=features.width)  # nothing is drawn
            candidates = stage2.detect_all(features, scores, proposals, settings)
            if stage3 and counts.stage3:
                _, third = inference.fitting(stage3, "stage3", device, **of_these)
                candidates = third.detect_all(features, candidates)
            yield from candidates

    detect_stage1.run(args, detect)


if __name__ == "__main__":
    errors.run(lambda: run(arguments().parse_args()))
