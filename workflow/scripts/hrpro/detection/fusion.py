"""What stage 2 hands out, and one score from it (docs/method.md, section 5.6)."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..config import Detection
from .segments import LEAST_SCORE, Segments


class Candidates(NamedTuple):
    """The candidates of a video for suppression, before the scores of both stages become one."""

    segments: Segments  # scored by stage 1 or, without completeness, by stage 2 alone
    completeness: np.ndarray | None  # (N,) in (0, 1)


def fuse(candidates: Candidates, settings: Detection) -> Segments:
    """Scores s of stage 1 and completeness c as one: s c^w or, as released, s + w c (eq. 23)."""
    segments, completeness = candidates
    if completeness is None:
        return segments
    scores, weight = segments.scores, settings.completeness_weight
    if settings.fusion == "sum":
        scores = scores + weight * completeness
    else:
        scores = np.maximum(scores, LEAST_SCORE) * completeness**weight
    return replace(segments, scores=scores)
