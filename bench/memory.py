"""Peak memory beyond the features, and processor seconds, of a step of stage 1 with the released settings."""

import argparse
import resource
import time

import made
import stages
from run import released


def main() -> None:
    """Print the gigabytes and the processor seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, required=True, help="channels")
    parser.add_argument("--lengths", type=int, nargs="+", help="snippets of the videos; 16 of THUMOS14's")
    parser.add_argument("--window", type=int, help="stage1.attention_window, in snippets")
    args = parser.parse_args()
    lengths = args.lengths or made.lengths("train", 16)
    before = peak()
    settings = released()["stage1"].model_copy(update={"attention_window": args.window})
    step = stages.stage1_step(lengths, args.width, settings)
    step.run()
    began = time.process_time()
    step.run()
    seconds = time.process_time() - began
    memory = peak() - before - 4 * sum(lengths) * args.width / 1e9
    size = f"{sum(lengths)} snippets of {args.width} channels"
    print(f"{size}: {memory:.2f} GB, {seconds:.1f} processor seconds")


def peak() -> float:
    """The most memory that this process has had resident, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
