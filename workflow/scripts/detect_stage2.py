"""Stage 2's detections on the test videos: its candidates from the proposals, as they are and suppressed."""

import contextlib

import detect_stage1
from hrpro import inference
from hrpro.data import candidates
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import results
from hrpro.detection.fusion import fuse
from hrpro.utils import devices, errors, files, options, process


def main() -> None:
    parser = detect_stage1.arguments(__doc__)
    parser.add_argument("--proposals", required=True, help="of the test videos, of propose_test.py")
    parser.add_argument("--model", required=True, help="of train_stage2.py")
    parser.add_argument("--features", required=True)
    parser.add_argument("--scores", required=True, help="of score_snippets.py")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    parser.add_argument("--candidates", help="an HDF5 file to write them to, for detect_stage3.py")
    args = parser.parse_args()

    def score(classes, settings):
        device = devices.choose_device(args.device)
        proposals = results.read_each(args.proposals, classes)
        with FeatureFile(args.features) as features, ScoreFile(args.scores) as scores:
            file, stage2 = inference.fitting(args.model, "stage2", device, features=features, scores=scores)
            detect_stage1.require_classes(args.model, file.classes, classes)
            process.start(seed=0, threads=args.threads, width=features.width)  # nothing is drawn
            found = stage2.candidates_of_all(features, scores, proposals, settings)
            if args.candidates:
                found = candidates.write(args.candidates, found, classes=classes, grid=features.grid)
            with contextlib.closing(found):
                for video, of_video in found:
                    yield video, fuse(of_video, settings)

    with files.together():
        detect_stage1.run(args, score)


if __name__ == "__main__":
    errors.run(main)
