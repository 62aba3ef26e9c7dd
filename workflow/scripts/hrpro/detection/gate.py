"""How far stages 2 and 3 count in the detections of a data set (docs/method.md, section 6.3)."""

import math
from typing import NamedTuple

from ..config import Detection
from ..utils import files
from ..utils.errors import InputError

# Of stage 2's weight in the fusion; with 0 the detections are stage 1's.
SHARES = (0.0, 0.125, 0.25, 0.5, 1.0)


class Gate(NamedTuple):
    """How far the stages after the first count: the share of stage 2's weight, and whether stage 3 counts.

    Without stage 2, whose candidates it scores, stage 3 does not.
    """

    share: float = 1.0
    stage3: bool = True


def fused_with(settings: Detection, share: float) -> Detection:
    """The settings of a detection in which completeness counts with a share of its weight."""
    weight = share * settings.completeness_weight
    return settings.model_copy(update={"completeness_weight": weight})


def read(path) -> Gate:
    """What a gate.json says; in full without a path. Raises InputError where it is another file."""
    if not path:
        return Gate()
    content = files.read_json(path, "share")
    share, stage3 = content["share"], content.get("stage3", {"counts": True})
    if type(share) not in (int, float) or not (math.isfinite(share) and 0 <= share <= 1):
        raise InputError(f"{path}: share: {share!r} is not from 0 to 1; make the file again")
    if not isinstance(stage3, dict) or not isinstance(stage3.get("counts"), bool):
        raise InputError(f"{path}: stage3: {stage3!r} does not say whether it counts; make the file again")
    return Gate(float(share), share > 0 and stage3["counts"])
