"""Stage 2's detections on the test videos: its candidates from the proposals, suppressed."""

import detect_stage1
from hrpro import inference
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.detection import gate
from hrpro.utils import devices, errors, options, process


def main() -> None:
    parser = detect_stage1.arguments()
    parser.description = __doc__
    parser.add_argument("--model", required=True, help="of train_stage2.py")
    parser.add_argument("--features", required=True)
    parser.add_argument("--scores", required=True, help="of score_snippets.py")
    parser.add_argument("--gate", nargs="?", help="of gate.py: how far stage 2 counts; without it, in full")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=options.threads, default=1)
    args = parser.parse_args()

    def detect(proposals, settings):
        share = gate.read(args.gate) if args.gate else 1.0
        if share == 0:
            yield from proposals
            return
        settings = gate.fused_with(settings, share)
        _, stage2 = inference.of_file(args.model, "stage2", devices.choose_device(args.device))
        with FeatureFile(args.features) as features, ScoreFile(args.scores) as scores:
            process.start(seed=0, threads=args.threads, width=features.width)  # nothing is drawn
            yield from stage2.detect_all(features, scores, proposals, settings)

    detect_stage1.run(args, detect)


if __name__ == "__main__":
    errors.run(main)
