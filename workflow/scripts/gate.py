"""Which stages count: all, unless held-back videos say that an earlier one is better than the last.

The detections are those of a copy of the data set, trained without these videos. They are scored with the
videos' points (docs/method.md, sections 6.3 and 7.3).
"""

import argparse

from hrpro import config, inference
from hrpro.data import annotations
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import results, suppression
from hrpro.detection.fusion import fuse
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
        of_these = {"features": features, "scores": scores}
        file, stage2 = inference.fitting(args.model, "stage2", device, **of_these)
        stage3 = None
        if args.stage3:
            _, stage3 = inference.fitting(args.stage3, "stage3", device, **of_these)
        truth, _, _ = annotations.test_truth(args.annotations, "test", [], file.classes, may_be_empty=True)
        proposals = results.read(args.proposals, file.classes)
        process.start(seed=0, threads=args.threads, width=features.width)  # nothing is drawn
        candidates = dict(stage2.candidates_of_all(features, scores, proposals.items(), settings))
        scored = {
            "stage1": proposals.items(),
            "stage2": ((video, fuse(of_video, settings)) for video, of_video in candidates.items()),
        }
        if stage3:
            scored["stage3"] = stage3.detect_all(features, candidates.items(), settings)
        stages = {stage: dict(suppression.suppress(of_all, settings, {})) for stage, of_all in scored.items()}

    mean = held_back.mean_aps(truth, stages, file.classes)
    deviations = held_back.errors_of_leads(truth, stages, mean, file.classes)
    counts = held_back.last_that_counts(mean, deviations)
    points = sum(map(len, truth.values()))
    progress.log.info(
        "%s: mAP of %d held-back videos with %d points: %s",
        "all stages count" if counts == list(stages)[-1] else f"no stage after {counts} counts",
        len(truth), points,
        ", ".join(f"{value:.1f} ({stage})" for stage, value in mean.items())
        + "".join(f"; {stage}'s lead has a standard error of {by:.1f}" for stage, by in deviations.items()),
    )  # fmt: skip
    result = {"counts": counts, "videos": len(truth), "points": points, "mAP": mean}
    files.write_json(args.output, result | {"errors_of_leads": deviations}, indent=1)


if __name__ == "__main__":
    errors.run(main)
