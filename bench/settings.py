"""The project's configuration, for what is measured."""

from pathlib import Path

import yaml

from hrpro import config

ROOT = Path(__file__).parent.parent


def configuration(*overlays) -> config.Config:
    """config/config.yaml, with what files of configuration change in it."""
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    for path in overlays:
        values = config.merge(values, yaml.safe_load(Path(path).read_text()))
    return config.parse(config.Config, values)
