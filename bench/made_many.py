"""Make data sets of many classes and few videos, and a configuration of them.

    python bench/made_many.py FOLDER [SEED]
    snakemake --configfile FOLDER/many.yaml --cores 2 -- results/many-{places,pairs,few}/map.json

The three are drawn from SEED (0) and the next two. 34 to 40 classes, 30 to 46 training videos, most classes
with 2 to 20 points. A video is shot at one of some places, and each place has classes of its own, some more
frequent than others. What happens lies in a space of LATENT dimensions: an action runs through three phases
of its class, the background shows the place, and some of it imitates an action's middle. No two actions of a
class look the same. A random map with noise and a ReLU makes 256 channels of it, non-negative, sparse and
alike in neighbouring snippets, as I3D's are.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

CHANNELS, LATENT = 256, 64
SECONDS = 0.64  # of a snippet
PHASE_LIKENESS, TWIN_LIKENESS = 0.9, 0.8  # correlation of a class's phases; of two classes that are twins
PAUSE = (1, 9)  # snippets: from the first number to under the second
MEDIAN, SPREAD, LONGEST = 3.0, 0.6, 16  # of an action's snippets, log-normal
IMITATIONS = 0.2  # share of the pauses that have one
STYLE, CHANNEL_NOISE, THRESHOLD = 0.4, 0.5, 0.5  # by video; by snippet and channel; 0.5: two thirds are zeros
SCALE = 0.3  # of I3D's values


class Kind(NamedTuple):
    """What a data set is like."""

    classes: int
    places: int
    train: int  # videos
    test: int
    actions: tuple[int, int]  # of a video: from the first number to under the second
    noise: float  # deviation of a latent dimension by snippet; the patterns' is 1
    instance: float  # and by action or pause: no two of a class look the same
    twins: bool  # whether classes are alike in pairs
    skew: float  # the k-th class of a place occurs 1 / k^skew times as often as the first


KINDS = {
    "places": Kind(34, 6, 46, 16, (8, 25), 1.0, 1.0, twins=False, skew=0.8),
    "pairs": Kind(36, 6, 40, 20, (6, 18), 1.0, 0.8, twins=True, skew=0.5),
    "few": Kind(40, 5, 30, 20, (5, 13), 1.0, 0.8, twins=False, skew=0.5),
}


def make(root: Path, kind: Kind, seed: int) -> None:
    """Write a data set's features, points and annotations."""
    rng = np.random.default_rng(seed)
    names = [f"action_{label:02}" for label in range(kind.classes)]
    core = rng.normal(size=(kind.classes, 1, LATENT))
    if kind.twins:
        core[1::2] = mix(core[::2], core[1::2], TWIN_LIKENESS)
    phases = mix(core, rng.normal(size=(kind.classes, 3, LATENT)), PHASE_LIKENESS)
    scenes = rng.normal(size=(kind.places, LATENT))
    total = 1 + kind.noise**2 + kind.instance**2
    channels = rng.normal(size=(LATENT, CHANNELS)) * (total * LATENT) ** -0.5
    place_of = np.repeat(np.arange(kind.places), -(-kind.classes // kind.places))[: kind.classes]

    def videos() -> Iterator[tuple[np.ndarray, list]]:
        for number in range(kind.train + kind.test):
            place = number % kind.places
            latent, actions = draw_video(rng, phases, scenes[place], np.flatnonzero(place_of == place), kind)
            yield draw_features(rng, latent, channels, kind.noise), actions

    write(root, videos(), kind.train, names, SECONDS, rng)


def write(
    root: Path, videos: Iterator, train: int, names: list[str], seconds: float, rng: np.random.Generator
) -> None:
    """Write the features, annotations and, of the first `train` videos, points drawn about the middles.

    videos: of each the features (T, D) and the actions, their class, first snippet and the one after the
    last; seconds: of a snippet.
    """
    (root / "features").mkdir(parents=True)
    database, points = {}, ["video,seconds,class"]
    for number, (features, actions) in enumerate(videos):
        video = f"video_{number:03}"
        np.save(root / "features" / f"{video}.npy", features)
        if number < train:
            for label, start, end in actions:
                middle = start + np.clip(rng.normal(0.5, 0.1), 0.05, 0.95) * (end - start)
                points.append(f"{video},{middle * seconds:.2f},{names[label]}")
        database[video] = {
            "duration": len(features) * seconds,
            "annotations": [
                {"label": names[label], "segment": [start * seconds, end * seconds]}
                for label, start, end in actions
            ],
        }
    (root / "points.csv").write_text("\n".join(points) + "\n")
    (root / "annotations.json").write_text(json.dumps({"database": database}))


def mix(core: np.ndarray, other: np.ndarray, likeness: float) -> np.ndarray:
    """Patterns of a likeness, a correlation, with `core`."""
    return likeness * core + (1 - likeness**2) ** 0.5 * other


def draw_video(
    rng: np.random.Generator, phases: np.ndarray, scene: np.ndarray, labels: np.ndarray, kind: Kind
) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """What a video shows, (T, LATENT), and its actions: class, first snippet, the one after the last.

    labels: the classes of its place.
    """
    often = np.arange(1, len(labels) + 1) ** -kind.skew
    rows, actions = [], []

    def show(pattern: np.ndarray) -> None:
        rows.extend(pattern + kind.instance * rng.normal(size=LATENT))

    def pause() -> None:
        show(np.tile(scene, (rng.integers(*PAUSE), 1)))
        if rng.random() < IMITATIONS:
            show(np.tile(phases[rng.choice(labels), 1], (draw_length(rng), 1)))
            show(np.tile(scene, (rng.integers(*PAUSE), 1)))

    for _ in range(rng.integers(*kind.actions)):
        pause()
        label, length = rng.choice(labels, p=often / often.sum()), draw_length(rng)
        actions.append((int(label), len(rows), len(rows) + length))
        show(phases[label][np.arange(length) * 3 // length])
    pause()
    return np.array(rows), actions


def draw_length(rng: np.random.Generator) -> int:
    """The snippets of an action."""
    return int(np.clip(np.rint(MEDIAN * np.exp(SPREAD * rng.normal())), 1, LONGEST))


def draw_features(
    rng: np.random.Generator, latent: np.ndarray, channels: np.ndarray, noise: float
) -> np.ndarray:
    """The features of what a video shows: (T, CHANNELS) float32."""
    padded = np.pad(latent, ((1, 1), (0, 0)), mode="edge")
    latent = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    latent = latent + STYLE * rng.normal(size=LATENT) + noise * rng.normal(size=latent.shape)
    drawn = latent @ channels
    drawn += CHANNEL_NOISE * rng.normal(size=drawn.shape) - THRESHOLD
    return np.maximum(SCALE * drawn, 0).astype(np.float32)


if __name__ == "__main__":
    folder, first = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    entries = {}
    for seed, (name, kind) in enumerate(KINDS.items(), start=first):
        make(folder / f"many-{name}", kind, seed)
        entries[f"many-{name}"] = {
            "root": str((folder / f"many-{name}").absolute()),
            "snippet": {"frames": 16, "fps": 25},
            "features": {"width": CHANNELS},
        }
    (folder / "many.yaml").write_text(json.dumps({"datasets": entries}, indent=1))
