"""The demo's data set: 24 training and 12 test videos, 5 classes, 64 channels, drawn from a seed."""

import argparse

from hrpro.data import demo
from hrpro.utils import errors, options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=options.path, required=True, help="the data set's folder")
    parser.add_argument("--seed", type=options.seed, default=0)
    args = parser.parse_args()

    demo.write(args.output, args.seed)


if __name__ == "__main__":
    errors.run(main)
