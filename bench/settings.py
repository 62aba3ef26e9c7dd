"""The project's configuration and its scripts, for what is measured."""

import sys
from pathlib import Path

import yaml

from hrpro import config, methods

ROOT = Path(__file__).parent.parent


def configuration(*overlays) -> config.Config:
    """config/config.yaml, with what files of configuration change in it."""
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    for path in overlays:
        values = config.merge(values, yaml.safe_load(Path(path).read_text()))
    return config.parse(config.Config, values)


def stages_of(experiment: str) -> list[str]:
    """The stages that an experiment has, in their order."""
    steps = configuration().experiments[experiment]
    return [stage for stage in methods.STAGES if getattr(steps, stage) is not None]


def command(script: str, options: dict) -> list[str]:
    """The command of a script of the workflow with its options."""
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return [sys.executable, str(ROOT / "workflow" / "scripts" / script), *flags]
