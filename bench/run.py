"""`make bench`: each part's time beside the plain oracle's and the machine's own limit -> results/bench.json.

QUICK=1 takes smaller batches where a step takes seconds. A fraction of the limit counts the operations that
the method needs, once, at the rate of a large fp32 matrix product run in turn with the part.
"""

import argparse
import json
import time
from pathlib import Path

import torch

import lacp
import pmil
import stages
import steps
from settings import configuration

PARTS = {
    "evaluate": steps.evaluate,
    "suppress": steps.suppress,
    "propose": steps.propose,
    "convert": steps.convert,
    "start": steps.start,
    "stage1": stages.stage1,
    "stage2": stages.stage2,
    "lacp": lacp.lacp,
    "pmil": pmil.pmil,
}


def main() -> None:
    """Measure, print the table, write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under three minutes")
    parser.add_argument("--parts", default=",".join(PARTS), help="some of %(default)s")
    parser.add_argument("--output", default="results/bench.json")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="default %(default)s")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="processor time, for one thread of a machine in use",
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    now = time.process_time if args.cpu_time else time.perf_counter

    settings = released()
    kind = "processor" if args.cpu_time else "wall"
    print(f"{kind} time, {args.threads} threads, {torch.backends.cpu.get_cpu_capability()}")
    print(f"{'part':<24}{'seconds':>10}{'baseline':>10}{'speed-up':>10}{'of limit':>10}  size")
    entries, began = {}, time.monotonic()
    for name in args.parts.split(","):
        for part, result in PARTS[name](settings, args.quick, now).items():
            entries[part] = result.entry()
            print(line(part, entries[part]), flush=True)
    output = Path(args.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(entries, indent=1) + "\n")
    print(f"{time.monotonic() - began:.0f} s; written: {output}")


def released() -> dict:
    """The released program's settings of each step, as for THUMOS14."""
    whole = configuration()
    return {
        step: whole.step("thumos", step, "released")
        for step in ("stage1", "proposals", "stage2", "detection")
    }


def line(part: str, entry: dict) -> str:
    """A row of the table."""
    figures = (
        (entry["seconds"], "{:.4g}"),
        (entry["baseline_seconds"], "{:.4g}"),
        (entry["speedup"], "{:.1f} x"),
        (entry["limit_fraction"], "{:.0%}"),
    )
    cells = "".join(f"{'' if value is None else form.format(value):>10}" for value, form in figures)
    return f"{part:<24}{cells}  {entry['size']}"


if __name__ == "__main__":
    main()
