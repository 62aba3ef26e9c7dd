"""Stage 2's detections on the test videos: each proposal and its refined self, scored and suppressed."""

import detect_stage1
from hrpro.data.features import FeatureFile
from hrpro.data.scores import ScoreFile
from hrpro.instance import model
from hrpro.instance import scoring as infer
from hrpro.training import common as training
from hrpro.utils import devices, errors


def main() -> None:
    parser = detect_stage1.arguments()
    parser.description = __doc__
    parser.add_argument("--model", required=True, help="of train_stage2.py")
    parser.add_argument("--features", required=True)
    parser.add_argument("--scores", required=True, help="of score_snippets.py")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    def score(candidates, settings):
        network, _ = model.load(args.model, devices.choose_device(args.device))
        with FeatureFile(args.features) as file, ScoreFile(args.scores) as scores:
            training.start(0, args.threads, file.width)  # nothing is drawn
            return infer.candidates(network, file, scores, candidates, settings)

    detect_stage1.run(args, score)


if __name__ == "__main__":
    errors.run(main)
