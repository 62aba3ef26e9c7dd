"""Mean and standard deviation of channels whose snippets come a video at a time."""

import numpy as np


class Moments:
    """Running moments of each of D channels; count: the snippets so far."""

    def __init__(self, width: int):
        self.count = 0
        self.shift = np.zeros(width)  # near the mean, so that the squares lose no digits
        self.total, self.squares = np.zeros(width), np.zeros(width)  # of values less `shift`

    def add(self, values: np.ndarray) -> None:
        """Take in the features (T, D) of a video."""
        values = values.astype(np.float64)
        if self.count == 0:
            self.shift = values.mean(0)
        self.count += len(values)
        self.total += (values - self.shift).sum(0)
        self.squares += ((values - self.shift) ** 2).sum(0)

    @property
    def mean(self) -> np.ndarray:
        """The mean of each channel, (D,) float64."""
        return self.shift + self.total / self.count

    @property
    def deviation(self) -> np.ndarray:
        """The standard deviation of each channel, (D,) float64; 0 of one that never changes."""
        return np.sqrt(np.maximum(self.squares / self.count - (self.total / self.count) ** 2, 0))
