"""The instances of actions and of background that dense labels show (docs/method.md, section 11.3)."""

from typing import NamedTuple

import numpy as np

from .contrast import flanks
from .settings import Settings


class Instances(NamedTuple):
    """J instances of a batch, by video, class and time; positions are of its packed snippets."""

    video: np.ndarray  # (J,) the video's number in the batch
    label: np.ndarray  # (J,) the class's number
    action: np.ndarray  # (J,) bool: of the action, not of the background between
    start: np.ndarray  # (J,) the first snippet
    end: np.ndarray  # (J,) the one after the last
    low: np.ndarray  # (J,) the first snippet of the left flank
    high: np.ndarray  # (J,) the one after the right flank

    def __len__(self) -> int:
        return len(self.video)

    def take(self, index) -> "Instances":
        """Those that an index or mask chooses."""
        return Instances(*(column[index] for column in self))


def runs(dense: np.ndarray, drops_last: bool) -> np.ndarray:
    """The runs of a video's dense label (T, C) of 0 and 1: rows of class, value, start and end, (J, 4).

    A class without either value has none. drops_last: no run holds the video's last snippet (fault 14).
    """
    rows = []
    for label in np.flatnonzero(dense.any(0) & ~dense.all(0)):
        values = dense[:, label].astype(int)
        start = np.flatnonzero(np.diff(values, prepend=-1))
        end = np.append(start[1:], len(values))
        if drops_last:
            end = np.minimum(end, len(values) - 1)
        rows.append(np.stack([np.full(len(start), label), values[start], start, end], axis=1)[end > start])
    return np.concatenate(rows) if rows else np.zeros((0, 4), dtype=int)


def pack(videos: list[np.ndarray], lengths: list[int], settings: Settings) -> Instances:
    """The instances of a batch, of the `runs` of its videos and the videos' lengths."""
    counts = [len(rows) for rows in videos]
    video = np.repeat(np.arange(len(videos)), counts)
    label, action, start, end = np.concatenate(videos).T
    low, high = flanks(start, end, np.repeat(lengths, counts), share=settings.flank, kind=settings.flanks)
    first = np.repeat(np.cumsum([0, *lengths[:-1]]), counts)
    return Instances(video, label, action > 0, *(first + each for each in (start, end, low, high)))


def draw(instances: Instances, parts: int, rng: np.random.Generator) -> np.ndarray:
    """A snippet of each of `parts` equal parts of each instance, (J, parts); of an empty part, its start."""
    size = (instances.end - instances.start)[:, None]
    edges = instances.start[:, None] + np.arange(parts + 1) * size // parts
    return rng.integers(edges[:, :-1], np.maximum(edges[:, 1:], edges[:, :-1] + 1))


def contrasted(instances: Instances, kind: str) -> tuple[Instances, np.ndarray, np.ndarray]:
    """Those of the classes with at least two action instances in a video, for the feature contrast.

    kind: `all` such classes, or of each video the `last` one alone (fault 13).
    -> them, their numbers (K,), and how many each class of a video has, (G,).
    """
    group = instances.video * (instances.label.max(initial=0) + 1) + instances.label
    _, group, sizes = np.unique(group, return_inverse=True, return_counts=True)
    chosen = np.bincount(group, weights=instances.action, minlength=len(sizes)) >= 2
    if kind == "last":
        video = instances.video[np.cumsum(sizes) - 1]  # of each group
        later = [np.any(chosen[g + 1 :] & (video[g + 1 :] == video[g])) for g in range(len(sizes))]
        chosen &= ~np.array(later, dtype=bool)
    numbers = np.flatnonzero(chosen[group])
    return instances.take(numbers), numbers, sizes[chosen]
