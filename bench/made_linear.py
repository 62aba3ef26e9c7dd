"""Make data sets of sensors, on which a linear model is strong, and a configuration of them.

    python bench/made_linear.py FOLDER [SEED]
    snakemake --configfile FOLDER/linear.yaml --cores 2 -- results/made-{tools,bodies}/{,floor/}map.json

Both are drawn as signals, of which a snippet's channels are statistics. A class moves a few sensors, or parts
of a body, so that the mean, the deviation or the energy of some channels tells it from the others and from
rest: a snippet does by a weighted sum, for which a few hundred labelled ones are enough. What single snippets
get wrong lasts no longer than they do (a hand that rests, sway, another tool taken up), and the baseline's
average over five corrects it. That people differ, neither model can learn away.

made-tools: accelerometers on the ten tools of a kitchen, three axes each; of an axis the mean (where down is)
and the energy in four bands of frequency: 150 channels. 9 classes, periodic motions; two may use one tool.
People hold tools at angles of their own, some are stronger or faster. Nearly all of a video is an action.

made-bodies: a skeleton's 20 joints in space; of a coordinate its mean, its change, its mean speed and its
deviation over a snippet: 240 channels. 10 classes: a body leaves its rest for a pose of the class, moves
about it and comes back, smoothly. People differ in size, in stance and in how they do it. The body sways.

The numbers were chosen so that the experiment `floor` is within three points of the default's stage 1.
"""

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from made_many import write

RATE, SECONDS = 30, 1.0  # samples per second, and the length of a snippet
SAMPLES = int(RATE * SECONDS)


class Kind(NamedTuple):
    """What a data set is like."""

    classes: int
    train: int  # videos
    test: int
    actions: tuple[int, int]  # of a video: from the first number to under the second
    median: float  # snippets of an action, log-normal
    pause: tuple[int, int]  # snippets between two


TOOLS = Kind(9, 25, 12, (10, 18), 14.0, (1, 6))
BODIES = Kind(10, 25, 14, (8, 14), 10.0, (2, 9))
SPREAD = 0.5  # of the logarithms of actions' lengths

# made-tools
SENSORS, BANDS = 10, (0, 3, 6, 10, 16)  # bands' edges in Hz
USED = 5  # tools that the classes share
STRENGTH, OTHER_STRENGTH, NOISE = 0.4, 0.4, 0.6  # g: of a class's motion, of any other, of a tool in motion
EVERY, OTHER = 6, (1, 6)  # once in so many snippets a tool is moved for something else; for how many
TILT, MOUNTING = 0.6, 0.6  # of gravity's direction: by class, by person
FORCE, TEMPO = 0.4, 0.15  # of logarithms, by person
IDLE = 0.15  # share of an action's snippets in which the hand rests
SLACK = 1  # snippets by which an annotated edge is off

# made-bodies
JOINTS, POSES = 20, 12  # POSES: dimensions of the space of poses
TRAVEL, SWING = 0.7, 0.3  # from rest to the pose; about it
SIZE, STANCE, HABIT, VARIETY = 0.15, 0.8, 1.0, 0.6  # by person, the first three; VARIETY: by action
SWAY, JITTER = 1.2, 0.3  # of the body; of the tracking
RAMP = 0.3  # share of an action that a body takes to its pose, and back


def timeline(rng: np.random.Generator, kind: Kind) -> tuple[int, list[tuple[int, int, int]]]:
    """A video's snippets and its actions: class, first snippet, the one after the last."""
    actions, end = [], 0
    for _ in range(rng.integers(*kind.actions)):
        start = end + int(rng.integers(*kind.pause))
        end = start + max(2, round(kind.median * np.exp(SPREAD * rng.normal())))
        actions.append((int(rng.integers(kind.classes)), start, end))
    return end + int(rng.integers(*kind.pause)), actions


def coloured(rng: np.random.Generator, shape: tuple[int, ...], memory: float) -> np.ndarray:
    """Noise of deviation 1 whose neighbours along the first axis correlate by `memory`."""
    return lfilter([(1 - memory**2) ** 0.5], [1, -memory], rng.normal(size=shape), axis=0)


def motion(rng: np.random.Generator, samples: int, rate: float) -> np.ndarray:
    """A periodic motion of about `rate` Hz with an overtone: (samples,)."""
    turns = np.cumsum(rate / RATE * (1 + 0.2 * coloured(rng, (samples,), 0.95))) + rng.random()
    return np.sin(2 * np.pi * turns) + 0.4 * np.sin(4 * np.pi * turns)


def by_snippet(signal: np.ndarray) -> np.ndarray:
    """A signal (T * SAMPLES, K) by snippet: (T, SAMPLES, K)."""
    return signal.reshape(-1, SAMPLES, signal.shape[1])


def tools(rng: np.random.Generator, kind: Kind) -> Iterator[tuple[np.ndarray, list]]:
    """Videos of made-tools: features (T, 150) and actions."""
    rate = rng.uniform(1, 6, size=kind.classes)
    tilt = TILT * rng.normal(size=(kind.classes, 3))
    axis = unit(rng.normal(size=(kind.classes, 3)))
    rest = unit(rng.normal(size=(SENSORS, 3)))
    for _ in range(kind.train + kind.test):
        mounting = unit(rest + MOUNTING * rng.normal(size=rest.shape))
        force, tempo = np.exp(FORCE * rng.normal()), np.exp(TEMPO * rng.normal())
        length, actions = timeline(rng, kind)
        down = np.tile(mounting, (length * SAMPLES, 1, 1))
        shake = NOISE * 0.3 * coloured(rng, down.shape, 0.7)
        for sensor, label, start, after, strength in moves(rng, length, actions, kind.classes):
            span, count = samples_of(start, after), (after - start) * SAMPLES
            direction = axis[label] + 0.5 * rng.normal(size=3)
            busy = np.repeat(rng.random(after - start) > IDLE, SAMPLES)
            swing = strength * force * busy * motion(rng, count, tempo * rate[label])
            shake[span, sensor] += swing[:, None] * direction
            shake[span, sensor] += NOISE * force * coloured(rng, (count, 3), 0.7)
            down[span, sensor][busy] = unit(mounting[sensor] + tilt[label])
        signal = by_snippet((down + shake).reshape(len(shake), -1))
        spectrum = np.abs(np.fft.rfft(signal - signal.mean(1, keepdims=True), axis=1)) ** 2 / SAMPLES
        hertz = np.fft.rfftfreq(SAMPLES, 1 / RATE)
        energy = [spectrum[:, (a < hertz) & (hertz <= b)].sum(1) for a, b in itertools.pairwise(BANDS)]
        features = np.concatenate([signal.mean(1), *np.log(np.array(energy) + 1e-3)], axis=1)
        yield features.astype(np.float32), actions


def moves(
    rng: np.random.Generator, length: int, actions: list[tuple[int, int, int]], classes: int
) -> Iterator[tuple[int, int, int, int, float]]:
    """How tools move: which, the motion's class, first snippet, the one after the last, strength."""
    for _ in range(length // EVERY):
        start = int(rng.integers(length - OTHER[1]))
        after = start + int(rng.integers(*OTHER))
        yield rng.integers(SENSORS), rng.integers(classes), start, after, OTHER_STRENGTH
    for label, start, after in actions:
        first, last = (edge + int(rng.integers(-SLACK, SLACK + 1)) for edge in (start, after))
        yield label % USED, label, first, min(max(last, first + 2), length), STRENGTH


def bodies(rng: np.random.Generator, kind: Kind) -> Iterator[tuple[np.ndarray, list]]:
    """Videos of made-bodies: features (T, 240) and actions."""
    neutral = rng.normal(size=3 * JOINTS)
    space = rng.normal(size=(POSES, 3 * JOINTS)) * POSES**-0.5
    pose = rng.normal(size=(kind.classes, POSES))
    swing = rng.normal(size=(kind.classes, POSES))
    rate = rng.uniform(0.3, 2, size=kind.classes)
    for _ in range(kind.train + kind.test):
        size = np.exp(SIZE * rng.normal())
        habit = HABIT * rng.normal(size=pose.shape)
        length, actions = timeline(rng, kind)
        course = SWAY * coloured(rng, (length * SAMPLES, POSES), 0.98)
        for label, start, after in actions:
            span = samples_of(start, after)
            count = span.stop - span.start
            there = np.clip(np.minimum(np.arange(count), np.arange(count)[::-1]) / (RAMP * count), 0, 1)
            there = (1 - np.cos(np.pi * there)) / 2
            target = TRAVEL * (pose[label] + habit[label] + VARIETY * rng.normal(size=POSES))
            about = SWING * motion(rng, count, rate[label])[:, None] * swing[label]
            course[span] += there[:, None] * (target + about)
        stance = neutral + STANCE * rng.normal(size=3 * JOINTS)
        signal = by_snippet(size * (stance + course @ space) + JITTER * coloured(rng, (len(course), 60), 0.9))
        speed = np.abs(np.diff(signal, axis=1)).mean(1) * RATE
        change = signal[:, -1] - signal[:, 0]
        features = np.concatenate([signal.mean(1), change, speed, signal.std(1)], axis=1)
        yield features.astype(np.float32), actions


def samples_of(start: int, after: int) -> slice:
    """The samples of a run of snippets."""
    return slice(start * SAMPLES, after * SAMPLES)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


if __name__ == "__main__":
    folder, seed = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    entries = {}
    for name, draw, kind, width in (("tools", tools, TOOLS, 150), ("bodies", bodies, BODIES, 240)):
        rng, root = np.random.default_rng(seed), folder / f"made-{name}"
        names = [f"action_{label}" for label in range(kind.classes)]
        write(root, draw(rng, kind), kind.train, names, SECONDS, rng)
        entries[root.name] = {
            "root": str(root.absolute()),
            "snippet": {"frames": SAMPLES, "fps": RATE},
            "features": {"width": width},
        }
    (folder / "linear.yaml").write_text(json.dumps({"datasets": entries}, indent=1))
