"""Made inputs of THUMOS14's size: lengths from its durations, the rest drawn."""

import json
from pathlib import Path

import numpy as np

from hrpro.data.scores import Scores
from hrpro.detection.segments import Segments, join, segments
from hrpro.grid import Grid

DURATIONS = json.loads(Path(__file__).with_name("durations.json").read_text())  # seconds, by split
GRID = Grid(16, 25)
CLASSES = 20
INSTANCES = 16  # a video
PROPOSALS = 555  # a video


def lengths(split: str, count: int, seed: int = 0) -> list[int]:
    """The snippets of `count` videos drawn from a split; all of them where count is larger."""
    seconds = np.random.default_rng(seed).permutation(DURATIONS[split])[:count]
    return [int(GRID.index(duration)) for duration in seconds]


def labels(rng: np.random.Generator) -> np.ndarray:
    """The classes of a video: one, in every sixth video two."""
    return rng.choice(CLASSES, 2 if rng.random() < 1 / 6 else 1, replace=False)


def scores(length: int, rng: np.random.Generator) -> Scores:
    """S and B of a video, smooth in time, with high S (1 - B) in its instances."""
    chosen, at = labels(rng), np.arange(length)[:, None]
    centre, wide = rng.uniform(0, length, INSTANCES), rng.uniform(2, 8, INSTANCES)
    action = np.exp(-(((at - centre) / wide) ** 2)).max(1)
    classes = 0.05 * rng.random((length, CLASSES))
    classes[:, chosen] += 0.9 * action[:, None]
    background = np.clip(1 - action + rng.normal(0, 0.05, length), 0, 1)
    video = np.zeros(CLASSES)
    video[chosen] = 1
    return Scores(classes.astype(np.float32), background.astype(np.float32), video)


def truth(rng: np.random.Generator, seconds: float) -> Segments:
    """The instances of a video."""
    start = rng.uniform(0, 0.95 * seconds, INSTANCES)
    times = np.stack([start, np.minimum(start + rng.gamma(2, 2, INSTANCES), seconds)], axis=1)
    return segments(times, rng.choice(labels(rng), INSTANCES))


def found(rng: np.random.Generator, instances: Segments, count: int, seconds: float) -> Segments:
    """Detections of a video: half of them near instances, half anywhere, of the video's classes."""
    near = instances.take(rng.integers(len(instances), size=count // 2))
    moved = near.times + rng.normal(0, 0.3, near.times.shape) * np.diff(near.times, axis=1)
    start = rng.uniform(0, seconds, count - len(near))
    free = np.stack([start, start + rng.gamma(2, 3, len(start))], axis=1)
    there = np.unique(instances.labels)
    either = join([segments(np.sort(moved), near.labels), segments(free, rng.choice(there, len(free)))])
    return Segments(either.times, either.labels, rng.random(count))


def evaluation(detections: int, a_video: int) -> tuple[dict[str, Segments], dict[str, Segments]]:
    """Truth and detections of a test split with so many detections in all."""
    rng = np.random.default_rng(0)
    instances, given = {}, {}
    for number in range(-(-detections // a_video)):
        seconds = DURATIONS["test"][number % len(DURATIONS["test"])]
        video = f"video_{number}"
        instances[video] = truth(rng, seconds)
        count = min(a_video, detections - number * a_video)
        given[video] = found(rng, instances[video], count, seconds)
    return instances, given
