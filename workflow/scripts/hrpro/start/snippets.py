"""The grid of snippets that features have, by how many snippets videos of known length have."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..grid import Grid

OFF = 1.1  # snippets that a video may have more or fewer than its length says
SHARE = 0.9  # of the videos that have to fit
# What features are mostly extracted with, the most frequent first.
FRAMES = (16, 8, 4, 32, 64, 24)
RATES = (25.0, 30.0, 24.0, 15.0, 10.0, 50.0, 60.0, 30000 / 1001)
WINDOWS = (16, 8, 24, 32, 64)


class Inferred(NamedTuple):
    """The grids that fit: one, none, or several, of which nobody can say which is right.

    seconds: the time from a snippet to the next one in the median video.
    """

    grids: list[Grid]
    seconds: float


def infer(lengths: dict[str, int], durations: dict[str, float], rates: Iterable[float]) -> Inferred | None:
    """What the snippets of videos and their lengths in seconds say; None if no video has both.

    rates: the videos' own frames per second, as far as they are known. A grid of whole frames of theirs comes
    first; then one of the usual grids, for features are often extracted at a rate of their own; then one
    whose windows overlap.
    """
    videos = sorted(lengths.keys() & durations.keys())
    if not videos:
        return None
    counts = np.array([lengths[video] for video in videos])
    seconds = np.array([durations[video] for video in videos])
    step = float(np.median(seconds / counts))
    rates = list(rates)

    def fitting(grids: Iterable[Grid]) -> list[Grid]:
        """Those of some grids that fit, one of each length of a snippet."""
        fit = [g for g in grids if np.mean(np.abs(g.length(seconds) - counts) <= OFF) >= SHARE]
        return list({(round(g.snippet, 9), g.window / g.frames): g for g in reversed(fit)}.values())[::-1]

    fits = fitting(Grid(frames, rate) for rate in rates for frames in near(step * rate))
    if not any(grid.frames in FRAMES for grid in fits):
        fits += fitting(Grid(frames, rate) for rate in RATES for frames in FRAMES)
    if not fits:
        overlapping = (
            Grid(frames, rate, window)
            for rate in rates or RATES
            for window in WINDOWS
            for frames in near(step * rate)
            if frames < window
        )
        fits = fitting(overlapping)
    return Inferred(fits, step)


def near(frames: float) -> range:
    """The whole numbers of frames that a stride of about `frames` may be."""
    return range(max(1, int(frames / 2)), int(2 * frames) + 2)
