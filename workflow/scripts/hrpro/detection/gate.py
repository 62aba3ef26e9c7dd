"""How far stage 2 counts in the detections of a data set (docs/method.md, section 6.3)."""

import math

from ..config import Detection
from ..utils import files
from ..utils.errors import InputError

# Of its weight in the fusion; with 0 the detections are stage 1's.
SHARES = (0.0, 0.125, 0.25, 0.5, 1.0)


def fused_with(settings: Detection, share: float) -> Detection:
    """The settings of a detection in which completeness counts with a share of its weight."""
    weight = share * settings.completeness_weight
    return settings.model_copy(update={"completeness_weight": weight})


def read(path) -> float:
    """The share in a gate.json. Raises InputError where it is another file."""
    share = files.read_json(path, "share")["share"]
    if type(share) not in (int, float) or not (math.isfinite(share) and 0 <= share <= 1):
        raise InputError(f"{path}: share: {share!r} is not from 0 to 1; make the file again")
    return float(share)
