"""What stages 2 and 3 hand out, and one score from it (docs/method.md, sections 5.6 and 16.6)."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..config import Detection
from .segments import LEAST_SCORE, Segments


class Candidates(NamedTuple):
    """The candidates of a video for suppression, before the scores of the stages become one."""

    segments: Segments  # scored by stage 1 or, without completeness, by stage 2 alone
    completeness: np.ndarray | None  # (N,) in (0, 1)


def fuse(candidates: Candidates, settings: Detection, support: np.ndarray | None = None) -> Segments:
    """Scores s of stage 1 and completeness c as one: s c^w or, as released, s + w c (eq. 23).

    support: (N,) in (0, 1], how far stage 3 bears out the candidates, u: sqrt(c u) in place of c, and the
    square root of the score (eq. 49).
    """
    segments, completeness = candidates
    if support is not None:
        completeness = np.sqrt(support if completeness is None else completeness * support)
    if completeness is None:
        return segments
    scores, weight = segments.scores, settings.completeness_weight
    if settings.fusion == "sum":
        scores = scores + weight * completeness
    else:
        scores = np.maximum(scores, LEAST_SCORE) * completeness**weight
    if support is not None:
        scores = np.sqrt(np.maximum(scores, 0))
    return replace(segments, scores=scores)
