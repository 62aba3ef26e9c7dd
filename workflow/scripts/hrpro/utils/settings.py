"""What settings are built of: a strict model, numbers with bounds, and paths.

The bounds are wide: they keep out slips (1e-320, a seed of 2^64) that would fail hours later.

Each setting is one `Field(default, description=...)`. config.yaml, config/README.md and config/schema.json
are written from these fields (`make config`).
"""

import itertools
import os
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, lt=1)]
Dropout = Annotated[float, Field(ge=0, le=0.99)]
Unit = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(ge=1e-9, le=1e12)]
NonNegative = Annotated[float, Field(ge=0, le=1e12)]
Rate = Annotated[float, Field(ge=1e-3, le=1e6)]  # per second
Count = Annotated[int, Field(ge=1, lt=10**9)]
Whole = Annotated[int, Field(ge=0, lt=10**9)]
Length = Annotated[int, Field(ge=1, lt=10**6)]  # frames, or channels
Streams = Annotated[list[Length], Field(min_length=2, max_length=2)]  # channels of RGB and of flow
Precision = Literal["float32", "bfloat16"]


def increasing(values: list) -> list:
    """Pass a list on if it is strictly increasing."""
    if any(a >= b for a, b in itertools.pairwise(values)):
        raise ValueError("must increase")
    return values


Thresholds = Annotated[list[Unit], Field(min_length=1, max_length=1000), AfterValidator(increasing)]


def usable(path: str) -> str:
    """Pass a path on with ~ expanded, if it can be one."""
    if not path.strip():
        raise ValueError("is empty; expected a path")
    if any(ord(character) < 32 for character in path):
        raise ValueError("has a control character; correct it")
    if any(len(os.fsencode(part)) > 255 for part in PurePath(path).parts):
        raise ValueError("a name in it is longer than the 255 bytes that file systems admit; shorten it")
    return os.path.expanduser(path)  # noqa: PTH111 - Path's raises where it knows no such user


Path = Annotated[str, AfterValidator(usable)]


class Strict(BaseModel):
    """No unknown key, no conversion of types, no change afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
