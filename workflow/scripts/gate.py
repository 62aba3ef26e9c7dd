"""How far stage 2 counts, and whether stage 3 does: as far as held-back videos bear them out.

The detections are those of a copy of the data set, trained without these videos. They are scored with the
videos' points (docs/method.md, sections 6.3 and 7.3).
"""

import argparse
from collections.abc import Iterable, Iterator

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
    parser.add_argument("--stage3", nargs="?", help="of train_stage3.py, where the experiment has a stage 3")
    parser.add_argument("--settings", required=True, help="JSON of settings.detection")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    parser.add_argument("--output", required=True)
    parser.add_argument("--log", help="log file")
    args = parser.parse_args()
    progress.start(args.log)

    settings, device = config.from_json(config.Detection, args.settings), devices.choose_device(args.device)
    with FeatureFile(args.features) as features, ScoreFile(args.scores) as scores:
        file, stage2 = inference.fitting(args.model, "stage2", device, features=features, scores=scores)
        stage3 = None
        if args.stage3:
            _, stage3 = inference.fitting(args.stage3, "stage3", device, features=features, scores=scores)
        truth, _, _ = annotations.test_truth(args.annotations, "test", [], file.classes, may_be_empty=True)
        proposals = results.read(args.proposals, file.classes)
        process.start(seed=0, threads=args.threads, width=features.width)  # nothing is drawn
        candidates = dict(stage2.candidates_of_all(features, scores, proposals.items(), settings))

    def fused(share: float) -> Iterator[tuple[str, Segments]]:
        with_share = gate.fused_with(settings, share)
        return ((video, fuse(of_video, with_share)) for video, of_video in candidates.items())

    def detections(by_video: Iterable[tuple[str, Segments]]) -> dict[str, Segments]:
        return dict(suppression.suppress(by_video, settings, {}))

    variants = [detections(fused(share) if share else proposals.items()) for share in gate.SHARES]
    mean = held_back.mean_aps(truth, variants, file.classes)
    error = held_back.error_of_lead(truth, variants, mean, file.classes)
    share = held_back.share_of_stage2(gate.SHARES, mean, error)
    points = sum(map(len, truth.values()))
    progress.log.info(
        "stage 2 counts with %g of its weight: mAP of %d held-back videos with %d points by the share: %s%s",
        share, len(truth), points,
        ", ".join(f"{value:.1f} ({each:g})" for value, each in zip(mean, gate.SHARES, strict=True)),
        "" if error is None else f"; the lead of 0 has a standard error of {error:.1f}",
    )  # fmt: skip
    result = {
        "share": share,
        "videos": len(truth),
        "points": points,
        "shares": gate.SHARES,
        "mAP": mean,
        "error_of_lead": error,
    }
    if stage3 and share == 0:
        progress.log.info("stage 3 does not count, as stage 2 does not")
        result["stage3"] = {"counts": False}
    elif stage3:
        with FeatureFile(args.features) as features:
            by_both = detections(stage3.detect_all(features, fused(share)))
        without = mean[gate.SHARES.index(share)]
        [with_it] = held_back.mean_aps(truth, [by_both], file.classes)
        counts = held_back.counts(without, with_it)
        progress.log.info(
            "stage 3 %s: mAP of %.1f without it and %.1f with it",
            "counts" if counts else "does not count", without, with_it,
        )  # fmt: skip
        result["stage3"] = {"counts": counts, "mAP": {"without": without, "with": with_it}}
    files.write_json(args.output, result, indent=1)


if __name__ == "__main__":
    errors.run(main)
