"""The conda environments of the rules pin what the lock file pins, and hold what their steps import."""

import ast
import re
from pathlib import Path

import pytest
import yaml

import digest
from conftest import ROOT, SCRIPTS
from hrpro import methods

CONDA_NAMES = {"pytorch": "torch"}
PACKAGES = {"sklearn": "scikit-learn"}  # where an import has another name
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))


def lock() -> dict[str, str]:
    files = [ROOT / "requirements.lock", ROOT / "requirements-video.lock"]
    lines = [line for path in files for line in path.read_text().splitlines()]
    return {name.lower(): version for name, _, version in (line.partition("==") for line in lines) if version}


def packages(path) -> dict[str, str]:
    pins = dict(pin.split("=") for pin in yaml.safe_load(path.read_text())["dependencies"])
    return {CONDA_NAMES.get(name, name): version for name, version in pins.items()}


def test_every_rule_names_an_environment_that_exists():
    named = set()
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        text = path.read_text()
        assert len(re.findall(r"^rule ", text, re.M)) == len(re.findall(r"^    conda:", text, re.M)), path
        named |= set(re.findall(r'"\.\./\.\./envs/(\w+\.yaml)"', text))
    assert named == {path.name for path in ENVIRONMENTS}


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_pins_are_those_of_the_lock_file(path):
    pins = packages(path)
    pins.pop("python")
    assert pins == {name: version for name, version in lock().items() if name in pins}


def code_of(script: str) -> list[Path]:
    """A script's modules, those of all methods included where it loads one by name."""
    text = (SCRIPTS / script).read_text()
    packages = [name for stage in methods.STAGES.values() for name in stage.values()]
    packages = packages if "methods" in text else []
    return digest.imports(SCRIPTS, script, *(f"{name.replace('.', '/')}/method.py" for name in packages))


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_an_environment_holds_what_its_steps_import(path):
    scripts = set()
    for rules in (ROOT / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^rule ", rules.read_text(), flags=re.M)[1:]:
            if f"envs/{path.name}" in rule:
                scripts |= set(re.findall(r"script\(\"(\w+\.py)\"\)", rule))
    assert scripts
    wanted = set()
    for module in {module for script in scripts for module in code_of(script)}:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Import):
                wanted |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                wanted.add(node.module.split(".")[0])
    wanted = {PACKAGES.get(name, name) for name in wanted}
    assert wanted & set(lock()) <= set(packages(path))
