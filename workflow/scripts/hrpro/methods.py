"""The methods: which package each stage's `method:` stands for.

A package has `settings.py` with a class Settings (pydantic alone: the workflow imports it to plan) and
`method.py` with the stage's functions. So another method is a package and a line here.
"""

import importlib
from types import ModuleType

STAGE1 = {"hrpro": "hrpro.snippet", "linear": "hrpro.linear"}
STAGE2 = {"hrpro": "hrpro.instance"}

STAGES = {"stage1": STAGE1, "stage2": STAGE2}
DEFAULT = "hrpro"  # where settings name no method


def load(stage: str, method: str, module: str = "method") -> ModuleType:
    """A module of a method's package: load("stage1", "linear") is hrpro.linear.method."""
    return importlib.import_module(f"{STAGES[stage][method]}.{module}")
