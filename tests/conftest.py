import contextlib
import fcntl
import logging
import os
import random
import re
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from hrpro import config as configuration
from hrpro.utils import progress
from warm import Warm, exit_code

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "workflow" / "scripts"
DATA = ROOT / "tests" / "data"
PROJECT = ("Snakefile", "config", "envs", "profiles", "workflow")
SHARED = ROOT.parent / "shared"

torch.set_num_threads(1)  # xdist's processes share the cores

# A data set of a user, as `finished_run` has it; its trainings are short, and no video is held back.
MINE = {
    "seeds": [0],
    "device": "cpu",
    "experiments": {"default": {"gate": "on", "events": False}},
    "datasets": {
        "mine": {
            "root": "data",
            "snippet": {"frames": 16, "fps": 25},
            "settings": {
                "stage1": {"iterations": 150, "dropout": 0.5, "block_dropout": 0.3},
                "stage2": {"iterations": 80},
                "stage3": {"iterations": 40},
            },
        }
    },
    "predict": {"new": "videos"},
}


@pytest.fixture(scope="session")
def raw_config() -> dict:
    return yaml.safe_load((ROOT / "config" / "config.yaml").read_text())


@pytest.fixture(scope="session")
def config(raw_config) -> configuration.Config:
    return configuration.parse(configuration.Config, raw_config)


@pytest.fixture(scope="session")
def released(config):
    """step -> the settings of the released program, as on THUMOS14."""
    return lambda step: config.step("thumos", step, "released")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference data beside the project; CI has them and must not do without."""
    if SHARED.is_dir():
        return SHARED
    if os.environ.get("CI"):
        pytest.fail(f"{SHARED} is not there, and CI may skip nothing")
    pytest.skip(f"needs the reference data in {SHARED}")


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory) -> Path:
    """The demo's data set, as the workflow makes it; copy it before changing it."""
    root = tmp_path_factory.mktemp("demo") / "data"
    run_script("make_demo.py", "--output", root).check_returncode()
    return root


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory, demo_data) -> Path:
    """A finished run; copy it before changing it.

    A folder with the project, extra.yaml of MINE, the data set in data/, its test split's features once more
    in videos/, and what the workflow makes of both, up to map.json and detections; run.txt is what it said.
    """
    return once(tmp_path_factory, "finished_run", lambda folder: make_run(folder, demo_data))


def once(tmp_path_factory, name: str, make) -> Path:
    """The folder that make(folder) fills, once for all of xdist's processes; copy it before changing it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = Path(f"{folder}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)  # of another process, which has failed
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


def make_run(folder: Path, data: Path) -> None:
    """Make `finished_run` in a folder."""
    copy_project(folder)
    shutil.copytree(data, folder / "data")
    # one of more than 1 MB, from where Snakemake takes a file's date for its content unless told otherwise
    large = folder / "data/features/test/demo_test_011.npy"
    array = np.load(large)
    np.save(large, np.tile(array.astype(float), (-(-(10**6) // array.size // 8), 1)))
    assert large.stat().st_size > 1e6
    shutil.copytree(folder / "data/features/test", folder / "videos")
    (folder / "extra.yaml").write_text(yaml.safe_dump(MINE))
    arguments = ["--configfile=extra.yaml", "--printshellcmds", "--"]
    targets = ["results/mine/map.json", "results/mine/predict/new/detections.json"]
    run = snakemake(folder, *arguments, *targets, snakefile=folder / "Snakefile")
    assert run.returncode == 0, run.stderr
    (folder / "run.txt").write_text(run.stdout + run.stderr)


@pytest.fixture(scope="module")
def chromium():
    """A browser; Debian's, which no package of Python brings along."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    assert path, "no chromium here; make test-browser installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def reproducible():
    torch.manual_seed(0)


@pytest.fixture
def out(tmp_path) -> Path:
    """An empty folder for a script's output."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def copy_project(folder: Path, *more: str) -> None:
    """Copy what the workflow runs from to a folder."""
    for name in (*PROJECT, *more):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)


def run_script(name: str, *arguments) -> subprocess.CompletedProcess:
    """Run a script of the workflow, as a user would, in this process; stdout and stderr are text.

    `seconds` is processor time. What a script changes of the process is as before afterwards, but a lock
    that it holds until its process ends stays: for that, and for signals and limits, run_script_process.
    """
    command = [str(SCRIPTS / name), *map(str, arguments)]
    before = time.process_time()
    with captured() as texts, unchanged_process():
        sys.argv = command
        code = exit_code(runpy.run_path, command[0], run_name="__main__")
    result = subprocess.CompletedProcess(command, code, *texts)
    result.seconds = time.process_time() - before
    return result


@contextlib.contextmanager
def captured():
    """Take what is written to stdout and stderr, by C code too; gives a list, [stdout, stderr] at the end."""
    texts = []
    streams = sys.stdout, sys.stderr
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        kept = os.dup(1), os.dup(2)
        for stream in streams:
            stream.flush()
        try:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            with (
                open(1, "w", encoding="utf-8", closefd=False) as sys.stdout,
                open(2, "w", encoding="utf-8", closefd=False, buffering=1) as sys.stderr,
            ):
                yield texts
        finally:
            sys.stdout, sys.stderr = streams
            for number, before in enumerate(kept, 1):
                os.dup2(before, number)
                os.close(before)
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())


@contextlib.contextmanager
def unchanged_process():
    """Undo what a script does to its process: arguments, folder, environment, signals, log, draws, threads.

    Warnings go to stderr, as outside of pytest.
    """
    folder, environment, arguments, path = Path.cwd(), dict(os.environ), sys.argv, list(sys.path)
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers, level = list(progress.log.handlers), progress.log.level
    levels = {
        number: logging.getLevelName(number) for number in (logging.INFO, logging.WARNING, logging.ERROR)
    }
    numbers = random.getstate(), np.random.get_state(), torch.get_rng_state()
    threads = torch.get_num_threads()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show_warning
            yield
    finally:
        for handler in set(progress.log.handlers) - set(handlers):
            handler.close()
        progress.log.handlers[:] = handlers
        progress.log.setLevel(level)
        for number, name in levels.items():
            logging.addLevelName(number, name)
        torch.set_num_threads(threads)
        random.setstate(numbers[0])
        np.random.set_state(numbers[1])
        torch.set_rng_state(numbers[2])
        for number, handler in signals.items():
            signal.signal(number, handler)
        sys.argv = arguments
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)


def show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """As Python shows a warning."""
    sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def run_script_process(name: str, *arguments, **options) -> subprocess.CompletedProcess:
    """Run a script as a process of its own; options of subprocess.run. Otherwise as run_script."""
    command = [sys.executable, SCRIPTS / name, *arguments]
    before = children_seconds()
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    result.seconds = children_seconds() - before
    return result


def children_seconds() -> float:
    """The processor time of all ended children: however busy the machine is, it is the same."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def snakemake(folder, *arguments, snakefile=ROOT / "Snakefile", cores=2) -> subprocess.CompletedProcess:
    """Run the workflow in a folder, as `python -m snakemake` does; stdout and stderr are text.

    snakefile: None for the one that Snakemake finds in the folder.
    """
    if snakefile:
        arguments = ("-s", snakefile, *arguments)
    return run_warm("-m", "snakemake", "--cores", cores, *arguments, cwd=folder)


def jobs_of(run: subprocess.CompletedProcess) -> Counter:
    """The jobs that a run of Snakemake, dry or not, has planned or made, by rule."""
    assert run.returncode == 0, run.stdout + run.stderr
    return Counter(re.findall(r"^(?:local)?rule (\w+):", run.stdout + run.stderr, re.M))


def run_warm(*command, **options) -> subprocess.CompletedProcess:
    """Run `python COMMAND` with Snakemake imported; options and result of Warm.run."""
    return warm_snakemake().run(*command, **options)


@cache
def warm_snakemake() -> Warm:
    """Starts Python with Snakemake imported, and what hrpro needs while it is planned."""
    needed = ("h5py", "numpy.random", "pandas", "pydantic", "tqdm", "yaml")
    return Warm("snakemake.cli", "smart_open", *needed, "warm_digests")


@cache
def warm_torch() -> Warm:
    """Starts Python with what scripts import."""
    return Warm("torch.utils.tensorboard", "h5py", "numpy.random", "pandas", "pydantic", "tqdm", "yaml")
