"""What stages 2 and 3 hand out, and one score from it (docs/method.md, sections 5.6 and 16.6)."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..config import Detection
from .segments import LEAST_SCORE, Segments

UNSEEN = 0.2  # added to every support, so that what stage 3 has not seen keeps a sixth of its completeness


class Candidates(NamedTuple):
    """The candidates of a video for suppression, before the scores of the stages become one."""

    segments: Segments  # scored by stage 1 or, without completeness, by stage 2 alone
    completeness: np.ndarray | None  # (N,) in (0, 1)


def fuse(candidates: Candidates, settings: Detection, support: np.ndarray | None = None) -> Segments:
    """The candidates' scores s and their quality q as one: s q^w or, as released, s + w q (eq. 23).

    q is the completeness c or, with stage 3's support u (N,) in [0, 1], c (0.2 + u) / 1.2 (eq. 49). Without
    either the scores are s.
    """
    segments, quality = candidates
    if support is not None:
        support = (UNSEEN + support) / (UNSEEN + 1)
        quality = support if quality is None else quality * support
    if quality is None:
        return segments
    scores, weight = segments.scores, settings.completeness_weight
    if settings.fusion == "sum":
        scores = scores + weight * quality
    else:
        scores = np.maximum(scores, LEAST_SCORE) * quality**weight
    return replace(segments, scores=scores)
