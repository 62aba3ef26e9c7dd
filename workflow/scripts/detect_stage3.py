"""Stage 3 on the test videos: stage 2's candidates, scored with its support and suppressed."""

import detect_stage1
from hrpro import inference
from hrpro.data.candidates import CandidateFile
from hrpro.data.features import FeatureFile
from hrpro.utils import devices, errors, options, process


def main() -> None:
    parser = detect_stage1.arguments(__doc__)
    parser.add_argument("--candidates", required=True, help="of detect_stage2.py")
    parser.add_argument("--model", required=True, help="of train_stage3.py")
    parser.add_argument("--features", required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    args = parser.parse_args()

    def score(classes, settings):
        device = devices.choose_device(args.device)
        with FeatureFile(args.features) as features, CandidateFile(args.candidates) as candidates:
            _, stage3 = inference.fitting(args.model, "stage3", device, features=features, scores=candidates)
            detect_stage1.require_classes(args.candidates, candidates.classes, classes)
            process.start(seed=0, threads=args.threads, width=features.width)  # nothing is drawn
            yield from stage3.detect_all(features, candidates.read_each(), settings)

    detect_stage1.run(args, score)


if __name__ == "__main__":
    errors.run(main)
