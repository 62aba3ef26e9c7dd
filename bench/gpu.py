"""`make gpu-check`: whether a GPU computes what the CPU does, how fast, and where its time goes.

    make gpu-check [DEVICE=cpu] [QUICK=1] [PARTS=equality,steps] [OUTPUT=results] [SHARED=../shared]

For a machine with little on it: it needs no Snakemake, no network and no .venv, only the packages that it
names where they are missing. The parts, in the order of what matters: equality (goldens, steps, trainings,
scores, proposals, detections; a state resumed; two processes), steps (seconds per step), whole (a run of
THUMOS14's size, from SHARED's annotations), profile, and at_once (that run, at once what the workflow runs
at once). After each check OUTPUT/gpu.json and gpu.md are written anew; one that fails is recorded with its
traceback, the others go on, and the exit code is 1. What does not fit into --seconds is cut, and recorded as
such. QUICK=1 takes small sizes, to rehearse it.
"""

import argparse
import importlib.util
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECONDS, MARGIN = 480, 5  # at most, and for what is written and removed in the end
PARTS = {
    "equality": ("gpu_equality", "gpu_training"),
    "steps": ("gpu_steps",),
    "whole": ("gpu_whole",),
    "profile": ("gpu_profile",),
    "at_once": ("gpu_at_once",),
}
NEEDED = {  # modules, and what installs them
    "torch": "torch",
    "numpy": "numpy",
    "h5py": "h5py",
    "pandas": "pandas",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic-core",
    "annotated_types": "annotated-types",
    "typing_inspection": "typing-inspection",
    "sklearn": "scikit-learn",
    "tensorboard": "tensorboard",
    "threadpoolctl": "threadpoolctl",
    "tqdm": "tqdm",
    "yaml": "pyyaml",
}


def main() -> None:
    """Run the parts; exit with 1 where a check has failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="small sizes, under three minutes on a CPU")
    parser.add_argument("--parts", default=",".join(PARTS), help="some of %(default)s")
    parser.add_argument("--output", type=Path, default=Path("results"), help="folder; default: %(default)s")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="at most; default: %(default)s")
    args = parser.parse_args()
    deadline = time.monotonic() + args.seconds - MARGIN
    require_packages()

    import torch

    if args.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit("error: no CUDA GPU here; DEVICE=cpu QUICK=1 rehearses the check without one")
    from gpu_run import Run

    if args.quick:
        torch.set_num_threads(1)  # on small sizes a second one costs more than it saves
    with tempfile.TemporaryDirectory() as folder:
        run = Run(torch.device(args.device), quick=args.quick, folder=Path(folder), deadline=deadline)
        report = Report(args.output, facts(run) | {"command": " ".join(sys.argv)})
        for part in args.parts.split(","):
            for module in PARTS[part]:
                try:
                    checks = importlib.import_module(module).checks(run)
                except Exception:
                    report.add(part, module, failure())
                    continue
                for name, check in checks.items():
                    report.add(part, name, outcome(check, run.left()))
    print(f"written: {report.path}")
    sys.exit(bool(report.failed))


def require_packages() -> None:
    """End with the names of the packages that are missing and how to bring them."""
    missing = [package for module, package in NEEDED.items() if not importlib.util.find_spec(module)]
    if missing:
        names = " ".join(missing)
        sys.exit(
            f"error: this Python has no {names}. With a network: python3 -m pip install {names}\n"
            "Without one, where there is one: python3 -m pip download --no-deps --only-binary=:all: "
            f"--python-version {sys.version_info.major}.{sys.version_info.minor} "
            f"--platform manylinux2014_{platform.machine()} -d .whl {names}\n"
            "and here: python3 -m pip install --no-index --no-deps --target .site .whl/*.whl; "
            "export PYTHONPATH=.site"
        )


def facts(run) -> dict:
    """Of what the figures are."""
    import torch

    found = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": os.environ.get("COMMIT") or said_by("git", "-C", ROOT, "describe", "--always", "--dirty"),
        "device": str(run.device),
        "quick": run.quick,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    if run.device.type == "cuda":
        properties = torch.cuda.get_device_properties(run.device)
        found |= {
            "card": properties.name,
            "card's GB": round(properties.total_memory / 1e9, 1),
            "CUDA": torch.version.cuda,
            "driver": said_by("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        }
    return found


def said_by(*command) -> str | None:
    """The output of a command; None where it fails or does not exist."""
    try:
        run = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip() if run.returncode == 0 else None


def outcome(check: Callable[[], dict], left: float) -> dict:
    """What a check has found, within the seconds that are left: status, seconds and figures or traceback."""
    if left < 1:
        return {"status": "skipped: no time left"}
    began = time.monotonic()
    try:
        figures = timed_out_after(left, check)
        status = "failed" if exceeded(figures) else "passed"
        return {"status": status, "seconds": time.monotonic() - began, "figures": figures}
    except OutOfTime:
        return {"status": "cut: no time left", "seconds": time.monotonic() - began}
    except Exception:
        return failure() | {"seconds": time.monotonic() - began}


def failure() -> dict:
    """The outcome of what has just raised an exception, which is printed."""
    traceback.print_exc()
    return {"status": "failed", "traceback": traceback.format_exc()}


class OutOfTime(BaseException):
    """The time is up; no Exception, so that no check takes it for its own."""


def timed_out_after(seconds: float, call: Callable[[], dict]) -> dict:
    """What a call gives. Raises OutOfTime where it takes longer."""

    def end(*_) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def exceeded(figures: dict) -> dict:
    """The figures whose difference is above its bound, or NaN."""
    return {
        name: figure
        for name, figure in figures.items()
        if isinstance(figure, dict) and "bound" in figure and not figure["difference"] <= figure["bound"]
    }


class Report:
    """What has been found so far, in gpu.json and gpu.md of a folder."""

    def __init__(self, folder: Path, facts: dict):
        self.path = folder / "gpu.json"
        self.content = {"facts": facts, "checks": {}}
        self.failed: list[str] = []
        self.began = time.monotonic()

    def add(self, part: str, name: str, outcome: dict) -> None:
        """Take in a check's outcome, print a line and write both files."""
        import gpu_report
        from hrpro.utils import files

        self.content["checks"].setdefault(part, {})[name] = outcome
        self.content["seconds"] = time.monotonic() - self.began
        if outcome["status"] == "failed":
            self.failed.append(f"{part}: {name}")
        self.content["failed"] = self.failed
        print(f"{outcome['status']:<8}{outcome.get('seconds', 0):7.1f} s  {part}: {name}", flush=True)
        files.write_json(self.path, self.content, indent=1)
        files.write_text(self.path.with_suffix(".md"), gpu_report.markdown(self.content))


if __name__ == "__main__":
    main()
