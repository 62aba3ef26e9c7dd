"""What settings are built of: a strict model, and numbers with bounds.

Each setting is one `Field(default, description=...)`. config.yaml, config/README.md and config/schema.json
are written from these fields (`make config`).
"""

import itertools
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, lt=1)]
Dropout = Annotated[float, Field(ge=0, le=0.99)]
Unit = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Precision = Literal["float32", "bfloat16"]


def increasing(values: list) -> list:
    """Pass a list on if it is strictly increasing."""
    if any(a >= b for a, b in itertools.pairwise(values)):
        raise ValueError("must increase")
    return values


Thresholds = Annotated[list[Unit], Field(min_length=1), AfterValidator(increasing)]


class Strict(BaseModel):
    """No unknown key, no conversion of types, no change afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
