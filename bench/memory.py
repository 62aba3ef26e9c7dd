"""Peak memory of two steps of stage 1, as the released program trains it, beyond the features."""

import argparse
import resource

import made
import stages
from run import released


def main() -> None:
    """Print the gigabytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, required=True, help="channels")
    parser.add_argument("--lengths", type=int, nargs="+", help="snippets of the videos; 16 of THUMOS14's")
    args = parser.parse_args()
    lengths = args.lengths or made.lengths("train", 16)
    before = peak()
    step = stages.stage1_step(lengths, args.width, released()["stage1"])
    step.run()
    step.run()
    features = 4 * sum(lengths) * args.width / 1e9
    print(f"{sum(lengths)} snippets of {args.width} channels: {peak() - before - features:.2f} GB")


def peak() -> float:
    """The most memory that this process has had resident, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
