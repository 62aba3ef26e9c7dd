import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from hrpro import config as configuration

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "workflow" / "scripts"
DATA = ROOT / "tests" / "data"
PROJECT = ("Snakefile", "config", "envs", "workflow")
SHARED = ROOT.parent / "shared"


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
    """Run a script of the workflow as a user would; stdout and stderr are text, `seconds` processor time."""
    command = [sys.executable, SCRIPTS / name, *arguments]
    before = children_seconds()
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    result.seconds = children_seconds() - before
    return result


def children_seconds() -> float:
    """The processor time of all ended children: however busy the machine is, it is the same."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def snakemake(folder, *arguments, snakefile=ROOT / "Snakefile") -> subprocess.CompletedProcess:
    """Run the workflow in a folder, with two cores; stdout and stderr are text."""
    command = [sys.executable, "-m", "snakemake", "-s", snakefile, "--cores", "2"]
    command = [str(part) for part in [*command, *arguments]]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
