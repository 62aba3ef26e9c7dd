"""Stage 3 on the test videos: stage 2's candidates, scored with its support and suppressed."""

import detect_stage2
from hrpro.utils import errors


def main() -> None:
    parser = detect_stage2.arguments()
    parser.description = __doc__
    parser.add_argument("--stage3", required=True, help="the model of train_stage3.py")
    args = parser.parse_args()
    detect_stage2.run(args, args.stage3)


if __name__ == "__main__":
    errors.run(main)
