"""Stage 1 as the released program trains it: tested on the test split, the best model is kept."""

import train_stage1
from hrpro.evaluation import protocol as testing
from hrpro.snippet import scoring as infer
from hrpro.utils import errors


def main() -> None:
    parser = train_stage1.arguments()
    testing.add_arguments(parser)
    args = parser.parse_args()

    def make_test(file, classes):
        protocol = testing.protocol(args, classes)
        return lambda model: protocol.score(infer.test_proposals(model, file, protocol.proposals))

    train_stage1.run(args, make_test)


if __name__ == "__main__":
    errors.run(main)
