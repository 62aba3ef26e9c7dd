"""`make bench-main`: the main job at full size beside the released settings -> results/bench-main.json.

THUMOS14's annotations, points and lengths, with made features of 2048 channels (made_thumos.py; 1.1 GB, kept
in the folder --data): `snakemake --cores N --config threads=N results/made-thumos/map.json` in an empty
folder, and per step what its log says, wall and processor time and memory at most. Then the released
settings' steps on the same files; of their trainings, with N threads, a share is run and scaled.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import torch

import gpu_whole
import made_thumos
from hrpro.utils import files
from jobs import Jobs
from settings import ROOT, stages_of

SHARE = {
    ("released", "stage1"): 4,
    ("released", "stage2"): 6,
}  # optimizer steps that are run of each training
COST = re.compile(r"took ([\d.]+) s, ([\d.]+) s of processor time, (\d+) MB at most")


def main() -> None:
    """Measure, print the tables, write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=Path("results/bench-main"), help="folder of the features"
    )
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--videos", type=int, help="so many of each split, for a look; default: all")
    parser.add_argument("--channels", type=int, default=2048)
    parser.add_argument("--no-released", action="store_true", help="the default alone")
    parser.add_argument("--output", type=Path, default=Path("results/bench-main.json"))
    args = parser.parse_args()
    made_thumos.write(args.data, channels=args.channels, videos=args.videos)
    report = {"cores": args.cores, "default": default_run(args)}
    print_run("default", report["default"])
    files.write_json(args.output, report, indent=1)
    if not args.no_released:
        report["released"] = released_run(args)
        print_run("released, trainings scaled", report["released"])
        files.write_json(args.output, report, indent=1)
    print(f"written: {args.output}")


def default_run(args: argparse.Namespace) -> dict:
    """The workflow's run in an empty folder: seconds in all, mAP, and what each step took."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
        command += ["--configfile", args.data.resolve() / "thumos.yaml", "--cores", args.cores]
        command += ["--config", f"threads={args.cores}"]
        began = time.monotonic()
        run = subprocess.run([*map(str, command), "--", f"results/{made_thumos.NAME}/map.json"], cwd=ROOT)
        seconds = time.monotonic() - began
        if run.returncode:
            sys.exit("error: the run has failed; its messages stand above")
        steps = {}
        for log in sorted(Path(folder, "logs").rglob("*.log"), key=lambda path: path.stat().st_mtime):
            if cost := COST.findall(log.read_text()):
                wall, processor, memory = map(float, cost[-1])
                name = str(log.relative_to(Path(folder, "logs")).with_suffix(""))
                figures = {"seconds": wall, "cpu_seconds": processor, "host_gb": memory / 1000}
                steps[name.removeprefix(f"{made_thumos.NAME}/")] = figures
        average = json.loads(Path(folder, "results", made_thumos.NAME, "map.json").read_text())
    return {"seconds": seconds, "steps": steps, "results": average}


def released_run(args: argparse.Namespace) -> dict:
    """The released settings' steps, a process each, one after the other; their trainings scaled."""
    with tempfile.TemporaryDirectory() as folder:
        entry = json.loads((args.data / "thumos.yaml").read_text())["datasets"][made_thumos.NAME]
        run = SimpleNamespace(jobs=Jobs(entry, Path(folder), torch.device("cpu"), SHARE, threads=args.cores))
        run.jobs.until("released")
        trainings = {stage: gpu_whole.scaled(run, "released", stage) for stage in stages_of("released")}
        steps = {name.removeprefix("released: "): figures for name, figures in run.jobs.figures.items()}
        for stage, training in trainings.items():
            steps[f"train stage {stage[-1]}"] |= training
        return {"seconds": gpu_whole.total(run, "released")["seconds"], "steps": steps}


def print_run(title: str, run: dict) -> None:
    """A run as a Markdown table."""
    print(f"\n{title}: {run['seconds']:.1f} s\n")
    print("| step | seconds | processor | GB | |\n| --- | --- | --- | --- | --- |")
    for name, step in run["steps"].items():
        note = f"{step['of which run']} of {step['steps']} steps were run" if "steps" in step else ""
        cells = (f"{step[key]:.2f}" for key in ("seconds", "cpu_seconds", "host_gb"))
        print(f"| {name} | {' | '.join(cells)} | {note} |", flush=True)


if __name__ == "__main__":
    main()
