"""The project's configuration and its scripts, for what is measured."""

import sys
from pathlib import Path

import yaml

from hrpro import config, methods

ROOT = Path(__file__).parent.parent
STAGES = {
    "stage1": methods.STAGE1,
    "stage2": methods.STAGE2,
}  # which the default and the released program have


def configuration(*overlays) -> config.Config:
    """config/config.yaml, with what files of configuration change in it."""
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    for path in overlays:
        values = config.merge(values, yaml.safe_load(Path(path).read_text()))
    return config.parse(config.Config, values)


def command(script: str, options: dict) -> list[str]:
    """The command of a script of the workflow with its options."""
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    return [sys.executable, str(ROOT / "workflow" / "scripts" / script), *flags]
