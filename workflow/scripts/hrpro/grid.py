"""Seconds <-> snippets: the one place that converts (docs/time-grid.md draws it).

Snippet i sees `window` frames from frame i * frames on; its centre is at (i * frames + window / 2) / fps
seconds, which is i + 0.5 on the snippet axis. What lies nearer to it than to any other snippet's centre is
its own: [i, i + 1) on the axis. With window = frames that is what it sees, [i, i + 1) * frames / fps.
"""

from dataclasses import dataclass

import numpy as np

# Rounding of a point's time may leave it this far (in snippets) under the border it stands on.
ROUNDING = 1e-6
# Snippets by which features, durations, points and segments may disagree: what is rounded, and what a video
# has after its last whole snippet.
TOLERANCE = 2
MISFIT = 0.1  # by which snippets and durations may differ in the median video


@dataclass(frozen=True)
class Grid:
    """A snippet every `frames` frames at `fps` frames a second (16 at 25 for I3D features).

    window: the frames that a snippet sees; None: as many as there are to the next snippet.
    """

    frames: int
    fps: float
    window: int | None = None

    def __post_init__(self):
        if self.window is None:
            object.__setattr__(self, "window", self.frames)

    @property
    def snippet(self) -> float:
        """The time from a snippet to the next one, in seconds."""
        return self.frames / self.fps

    @property
    def tolerance(self) -> float:
        """How far a time may lie outside its video, in seconds."""
        return TOLERANCE * self.snippet

    @property
    def offset(self) -> float:
        """Where the snippet axis begins, in frames: under 0 where snippets see less than a stride."""
        return (self.window - self.frames) / 2

    def seconds(self, snippets):
        """Positions on the snippet axis -> seconds."""
        return (np.asarray(snippets, dtype=np.float64) * self.frames + self.offset) / self.fps

    def snippets(self, seconds):
        """Seconds -> positions on the snippet axis (real numbers)."""
        return (np.asarray(seconds, dtype=np.float64) * self.fps - self.offset) / self.frames

    def index(self, seconds):
        """Seconds -> the index of the snippet that they fall in; what is before the first has index 0."""
        return np.maximum(np.floor(self.snippets(seconds) + ROUNDING).astype(np.int64), 0)

    def length(self, seconds: float) -> float:
        """The snippets of a video of the given length in seconds; the last may be a part of one."""
        return (seconds * self.fps - self.window) / self.frames + 1

    def misfit(self, lengths: dict[str, int], durations: dict[str, float]) -> float | None:
        """How many times the durations' snippets the videos have, if so many that this grid must be wrong.

        lengths: {video: snippets}; durations: {video: seconds}, of some. The median; None where it is no more
        than MISFIT from 1, or where most videos are no more than TOLERANCE off.
        """
        known = [(lengths[video], durations[video]) for video in lengths if video in durations]
        odd = sum(abs(length - self.length(seconds)) > TOLERANCE for length, seconds in known)
        if 2 * odd <= len(known):
            return None
        ratio = float(np.median([self.duration(length) / seconds for length, seconds in known]))
        return ratio if abs(ratio - 1) > MISFIT else None

    def duration(self, snippets: int) -> float:
        """The length in seconds of a video of the given number of whole snippets."""
        return ((snippets - 1) * self.frames + self.window) / self.fps
