"""Seconds <-> snippets: the one place that converts.

Snippet i of a video covers the snippets-axis interval [i, i + 1), which is
[i * frames / fps, (i + 1) * frames / fps) in seconds; its centre is at i + 0.5.
"""

from dataclasses import dataclass

import numpy as np

# Rounding of a point's time may leave it this far (in snippets) under the border it stands on.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Grid:
    """A snippet is `frames` frames at `fps` frames a second (16 at 25 for I3D features)."""

    frames: int
    fps: float

    @property
    def snippet(self) -> float:
        """The length of a snippet in seconds."""
        return self.frames / self.fps

    def seconds(self, snippets):
        """Positions on the snippet axis -> seconds."""
        return np.asarray(snippets, dtype=np.float64) * self.frames / self.fps

    def snippets(self, seconds):
        """Seconds -> positions on the snippet axis (real numbers)."""
        return np.asarray(seconds, dtype=np.float64) * self.fps / self.frames

    def index(self, seconds):
        """Seconds -> the number of the snippet that holds them: floor(seconds * fps / frames)."""
        return np.floor(self.snippets(seconds) + ROUNDING).astype(np.int64)
