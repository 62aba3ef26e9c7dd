"""Stage 3 on the test videos: stage 2's candidates, scored by both stages and suppressed."""

import detect_stage1
from hrpro import inference
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.utils import devices, errors, options, process


def main() -> None:
    parser = detect_stage1.arguments()
    parser.description = __doc__
    parser.add_argument("--stage2", required=True, help="the model of train_stage2.py")
    parser.add_argument("--model", required=True, help="of train_stage3.py")
    parser.add_argument("--features", required=True)
    parser.add_argument("--scores", required=True, help="of score_snippets.py")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    args = parser.parse_args()

    def detect(proposals, settings):
        device = devices.choose_device(args.device)
        _, stage2 = inference.of_file(args.stage2, "stage2", device)
        _, stage3 = inference.of_file(args.model, "stage3", device)
        with FeatureFile(args.features) as features, ScoreFile(args.scores) as scores:
            process.start(seed=0, threads=args.threads, width=features.width)  # nothing is drawn
            candidates = stage2.detect_all(features, scores, proposals, settings)
            yield from stage3.detect_all(features, candidates)

    detect_stage1.run(args, detect)


if __name__ == "__main__":
    errors.run(main)
