"""A synthetic data set in the HR-Pro layout: 24 training and 12 test videos, 5 classes, 64 channels.

Each video shows several actions of one class; every fourth draws them from two. An action runs through three
phases, so its start, middle and end look different. The background between actions shows their class's
scene, which resembles them, and most of it has an imitation: a stretch that looks like an action's middle
but never starts or ends. A snippet alone cannot tell the two apart; a whole segment can.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ..utils import files
from . import npy

CLASSES = ["dive", "golf", "jump", "throw", "vault"]
CHANNELS = 64
VIDEOS = {"train": 24, "test": 12}
FRAMES, FPS = 16, 25  # of a snippet
VIDEO_FPS = 30  # of the videos, in which points are counted
SECONDS = FRAMES / FPS
ACTIONS = (4, 9)  # of a video; here and below: from the first number to under the second
ACTION, SCENE, IMITATION = (4, 16), (2, 10), (3, 12)  # snippets of one
IMITATIONS = 0.9  # share of the pauses between actions that have one
PHASE_LIKENESS, SCENE_LIKENESS = 0.8, 0.6  # correlation with what all of a class shares
PLACES, PLACE = 8, 0.5  # backgrounds that any class's scene may have, and their weight in it
NOISE, STYLE = 1.5, 0.3  # deviation of a channel by snippet and by video; the patterns' is 1
POINT_SPREAD = 0.1  # deviation of a point from its action's middle, in lengths


def write(root, seed: int) -> None:
    """Write the data set to a folder; equal seeds give equal bytes."""
    rng = np.random.default_rng(seed)
    root = Path(root)
    with files.together():
        write_files(root, rng, draw_patterns(rng))


def write_files(root: Path, rng: np.random.Generator, patterns: dict) -> None:
    """Draw the videos and write the files of the data set."""
    database, points = {}, []
    for split, count in VIDEOS.items():
        names = [f"demo_{split}_{number:03d}" for number in range(count)]
        for number, name in enumerate(names):
            video = draw_video(rng, patterns, number)
            npy.write(root / "features" / split / f"{name}.npy", video["features"])
            database[name] = {
                "subset": {"train": "training", "test": "validation"}[split],
                "duration": video["duration"],
                "fps": VIDEO_FPS,
                "annotations": video["annotations"],
            }
            if split == "train":
                points += [draw_point(rng, name, action) for action in video["annotations"]]
        files.write_text(root / f"split_{split}.txt", "\n".join(names) + "\n")
    files.write_json(root / "gt_full.json", {"database": database}, indent=1)
    with files.atomic(root / "point_labels" / "point_gaussian.csv") as temporary:
        pd.DataFrame(points).to_csv(temporary, index=False, lineterminator="\r\n")


def draw_patterns(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What things look like: a class's phases (C, 3, D), its scene (C, D), places (PLACES, D)."""
    core = rng.normal(size=(len(CLASSES), 1, CHANNELS))

    def like_core(count: int, likeness: float) -> np.ndarray:
        individual = rng.normal(size=(len(CLASSES), count, CHANNELS))
        return likeness * core + (1 - likeness**2) ** 0.5 * individual

    return {
        "phases": like_core(3, PHASE_LIKENESS),
        "scenes": like_core(1, SCENE_LIKENESS)[:, 0],
        "places": rng.normal(size=(PLACES, CHANNELS)),
    }


def draw_video(rng: np.random.Generator, patterns: dict, number: int) -> dict:
    """One video: features (T, D), non-negative as after a ReLU; duration and annotations in seconds."""
    labels = [number % len(CLASSES)]
    if number % 4 == 3:
        labels.append((labels[0] + rng.integers(1, len(CLASSES))) % len(CLASSES))
    rows, annotations = [], []

    def pause(label: int) -> None:
        scene = patterns["scenes"][label] + PLACE * patterns["places"][rng.integers(PLACES)]
        rows.extend([scene] * rng.integers(*SCENE))
        if rng.random() < IMITATIONS:
            rows.extend([patterns["phases"][label, 1]] * rng.integers(*IMITATION))
            rows.extend([scene] * rng.integers(*SCENE))

    for _ in range(rng.integers(*ACTIONS)):
        label = labels[rng.integers(len(labels))]
        pause(label)
        length = int(rng.integers(*ACTION))
        start = len(rows)
        phase = np.arange(length) * 3 // length
        rows.extend(patterns["phases"][label][phase])
        annotations.append(
            {
                "label": CLASSES[label],
                "segment": [round(start * SECONDS, 2), round((start + length) * SECONDS, 2)],
            }
        )
    pause(labels[0])
    clean = np.array(rows)
    blurred = (np.roll(clean, 1, 0) + 2 * clean + np.roll(clean, -1, 0)) / 4
    style = STYLE * rng.normal(size=CHANNELS)
    features = np.maximum(blurred + style + NOISE * rng.normal(size=clean.shape), 0)
    return {
        "features": features.astype(np.float32),
        "duration": round(len(rows) * SECONDS, 2),
        "annotations": annotations,
    }


def draw_point(rng: np.random.Generator, video: str, action: dict) -> dict:
    """One labelled frame of an action, near its middle: a row of the point file, in frames."""
    start, end = action["segment"]
    place = np.clip(rng.normal(0.5, POINT_SPREAD), 0.05, 0.95)
    return {
        "class": action["label"],
        "start_frame": round(start * VIDEO_FPS),
        "stop_frame": round(end * VIDEO_FPS),
        "video_id": video,
        "point": int((start + place * (end - start)) * VIDEO_FPS),
    }
