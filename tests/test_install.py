"""`pip install .`: the package and the command `hrpro-predict`, from any folder."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement

from conftest import ROOT, SCRIPTS, run_script

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGE = SCRIPTS / "hrpro"
NAMES = {
    "sklearn": "scikit-learn",
    "jinja2": "Jinja2",
    "yaml": "PyYAML",
    "flask": "Flask",
    "werkzeug": "Werkzeug",
}  # where pip's name is another


class Installed(NamedTuple):
    """A wheel of the project, and the folder that it is installed in."""

    wheel: Path
    target: Path

    def run(self, folder: Path, *command) -> subprocess.CompletedProcess:
        """Run a command in a folder, with nothing of hrpro but what is installed."""
        environment = {**os.environ, "PYTHONPATH": str(self.target)}
        return subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


def pip(*arguments) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    """Built in a copy, so that the checkout gets no build folders. torch brings setuptools along."""
    source, wheels, target = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "target"))
    for name in ("pyproject.toml", PROJECT["readme"], *PROJECT["license-files"]):
        shutil.copy2(ROOT / name, source / name)
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(SCRIPTS, source / SCRIPTS.relative_to(ROOT), ignore=ignore)
    pip("wheel", source, "--no-deps", "--no-build-isolation", "--wheel-dir", wheels)
    [wheel] = wheels.iterdir()
    pip("install", "--no-deps", "--no-index", "--target", target, wheel)
    return Installed(wheel, target)


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(installed):
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    packed = zipfile.ZipFile(installed.wheel).namelist()
    modules = [name for name in packed if ".dist-info/" not in name]
    assert sorted(modules) == sorted(path.relative_to(SCRIPTS).as_posix() for path in files)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in packed)


@pytest.mark.slow
def test_the_package_is_imported_from_any_folder(installed, tmp_path):
    result = installed.run(
        tmp_path, sys.executable, "-c", "from hrpro import predict; print(predict.__file__)"
    )
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()) == installed.target / "hrpro" / "predict.py"


@pytest.mark.slow
def test_the_command_is_the_script(installed, tmp_path):
    command = installed.run(tmp_path, installed.target / "bin" / "hrpro-predict", "--help")
    script = run_script("predict.py", "--help")
    assert (command.returncode, script.returncode) == (0, 0), command.stderr + script.stderr
    assert "usage: hrpro-predict" in command.stdout
    words = [re.sub("hrpro-predict|predict.py", "", text).split() for text in (command.stdout, script.stdout)]
    assert words[0] == words[1]


@pytest.mark.slow
def test_the_command_reports_a_mistake_in_one_line(installed, tmp_path):
    result = installed.run(
        tmp_path,
        *(installed.target / "bin" / "hrpro-predict", "--model", "model.pt", "--features", "features"),
        *("--output", "detections.json"),
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "error: model.pt: no such file; expected a trained model\n"


def imports() -> set[str]:
    """The packages that the package's modules import, by the names that pip knows them by."""
    modules = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(node.module)
    names = {module.split(".")[0] for module in modules} - sys.stdlib_module_names
    if "torch.utils.tensorboard" in modules:
        names.add("tensorboard")
    return {NAMES.get(name, name) for name in names}


def test_the_dependencies_are_what_the_package_imports():
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    assert imports() == {Requirement(line).name for line in [*PROJECT["dependencies"], *extras]}


def test_what_is_tested_is_new_enough():
    lines = "\n".join(path.read_text() for path in ROOT.glob("requirements*.lock")).splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    for line in PROJECT["dependencies"]:
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins[requirement.name]), line
