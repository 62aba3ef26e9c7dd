"""How far stage 2 counts: the largest share of its weight that does no harm on held-back videos.

The detections are those of a copy of the data set, trained without these videos. They are scored with the
videos' points (docs/method.md, sections 6.3 and 7.3).
"""

import argparse

from hrpro import config, inference
from hrpro.data import annotations
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import gate, results, suppression
from hrpro.detection.fusion import fuse
from hrpro.detection.segments import Segments
from hrpro.evaluation import held_back
from hrpro.utils import devices, errors, files, options, process, progress


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--annotations", required=True, help="of the held-back videos")
    parser.add_argument("--features", required=True, help="of the held-back videos")
    parser.add_argument("--proposals", required=True, help="of propose_test.py")
    parser.add_argument("--scores", required=True, help="of score_snippets.py")
    parser.add_argument("--model", required=True, help="of train_stage2.py")
    parser.add_argument("--settings", required=True, help="JSON of settings.detection")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings = config.from_json(config.Detection, args.settings)
    file, stage2 = inference.of_file(args.model, "stage2", devices.choose_device(args.device))
    truth, _, _ = annotations.test_truth(args.annotations, "test", [], file.classes, may_be_empty=True)
    proposals = results.read(args.proposals, file.classes)
    with FeatureFile(args.features) as features, ScoreFile(args.scores) as scores:
        process.start(seed=0, threads=args.threads, width=features.width)  # nothing is drawn
        candidates = dict(stage2.candidates_of_all(features, scores, proposals.items(), settings))

    def detections(share: float) -> dict[str, Segments]:
        fused = gate.fused_with(settings, share)
        by_both = ((video, fuse(of_video, fused)) for video, of_video in candidates.items())
        return dict(suppression.suppress(by_both if share else proposals.items(), settings, {}))

    variants = [detections(share) for share in gate.SHARES]
    mean = held_back.mean_aps(truth, variants, file.classes)
    error = held_back.error_of_lead(truth, variants, mean, file.classes)
    share = held_back.largest(gate.SHARES, mean, error)
    points = sum(map(len, truth.values()))
    progress.log.info(
        "stage 2 counts with %g of its weight: mAP of %d held-back videos with %d points by the share: %s%s",
        share, len(truth), points,
        ", ".join(f"{value:.1f} ({each:g})" for value, each in zip(mean, gate.SHARES, strict=True)),
        "" if error is None else f"; the lead of 0 has a standard error of {error:.1f}",
    )  # fmt: skip
    files.write_json(
        args.output,
        {
            "share": share,
            "videos": len(truth),
            "points": points,
            "shares": gate.SHARES,
            "mAP": mean,
            "error_of_lead": error,
        },
        indent=1,
    )


if __name__ == "__main__":
    errors.run(main)
