"""The inner-outer contrast of stretches of a video (docs/method.md, eq. 27)."""

import numpy as np


def flanks(
    start: np.ndarray, end: np.ndarray, length: int | np.ndarray, *, share: float, kind: str
) -> tuple[np.ndarray, np.ndarray]:
    """From where the left flank of [start, end) begins to where the right one ends, inside a video.

    length: T; share: of the stretch's own length; kind: `even`, both as long, or `released`, whose right
    one is shorter by a snippet unless the share is a whole number of them (fault 17).
    """
    margin = share * (end - start)
    if kind == "even":
        margin = np.ceil(margin).astype(int)
        return np.maximum(start - margin, 0), np.minimum(end + margin, length)
    low = np.maximum(start - margin, 0).astype(int)
    return low, np.minimum((end - 1 + margin).astype(int) + 1, length)


def inner_outer(total: np.ndarray, start: np.ndarray, end: np.ndarray, *, share: float, kind: str):
    """R: the mean of a sequence over [start, end) minus that over both flanks together, 0 if both are empty.

    total: (T + 1,), the running sums of the sequence, 0 first; start and end: of any shapes that broadcast.
    """
    low, high = flanks(start, end, len(total) - 1, share=share, kind=kind)
    size = end - start
    inner = total[end] - total[start]
    outer = total[high] - total[low] - inner  # nothing where there are no flanks
    return inner / size - outer / np.maximum(high - low - size, 1)
