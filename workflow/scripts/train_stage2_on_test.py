"""Stage 2 as the released program trains it: tested on the test split, the best model is kept."""

import train_stage2
from hrpro.detection import results
from hrpro.evaluation import protocol as testing
from hrpro.instance import scoring as infer
from hrpro.utils import errors


def main() -> None:
    parser = train_stage2.arguments()
    parser.add_argument("--proposals", required=True, help="of the test videos, of propose.py")
    testing.add_arguments(parser)
    args = parser.parse_args()

    def make_test(file, scores):
        protocol = testing.protocol(args, scores.classes)
        proposals = results.read(args.proposals, scores.classes)
        return lambda model: protocol.score(
            infer.candidates(model, file, scores, "test", proposals, protocol.detection)
        )

    train_stage2.run(args, make_test)


if __name__ == "__main__":
    errors.run(main)
