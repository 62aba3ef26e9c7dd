"""A made data set in the HR-Pro layout: 24 training and 12 test videos, 5 classes, 64 channels.

Each video shows several actions of one or two classes. An action runs through three phases, so its
start, middle and end look different; around it the background shows the class's scene, which
resembles the action, and some stretches imitate its middle without ever starting or ending.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from hrpro import errors, files

CLASSES = ["dive", "golf", "jump", "throw", "vault"]
CHANNELS = 64
VIDEOS = {"train": 24, "test": 12}
FRAMES, FPS = 16, 25  # of a snippet
VIDEO_FPS = 30  # of the made videos, in which points are counted
SECONDS = FRAMES / FPS
TWO_CLASSES = 0.25  # share of videos
NOISE = 0.55  # deviation of a channel; the patterns' is 1
POINT_SPREAD = 0.1  # deviation of a point from its action's middle, in lengths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", required=True, help="the data set's folder")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    rng = np.random.default_rng(args.seed)
    root = Path(args.output)
    patterns = draw_patterns(rng)
    database, points = {}, []
    for split, count in VIDEOS.items():
        names = [f"demo_{split}_{number:03d}" for number in range(count)]
        for number, name in enumerate(names):
            video = make_video(rng, patterns, number)
            path = root / "features" / split / f"{name}.npy"
            with files.atomic(path) as temporary, open(temporary, "wb") as file:
                np.save(file, video["features"])
            database[name] = {
                "subset": {"train": "training", "test": "validation"}[split],
                "duration": video["duration"],
                "fps": VIDEO_FPS,
                "annotations": video["annotations"],
            }
            if split == "train":
                points += [make_point(rng, name, action) for action in video["annotations"]]
        files.write_text(root / f"split_{split}.txt", "\n".join(names) + "\n")
    files.write_json(root / "gt_full.json", {"database": database}, indent=1)
    path = root / "point_labels" / "point_gaussian.csv"
    with files.atomic(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, list(points[0]))
        writer.writeheader()
        writer.writerows(points)


def draw_patterns(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What things look like: a phase of a class (C, 3, D), a class's scene (C, D), any background (8, D)."""
    core = rng.normal(size=(len(CLASSES), 1, CHANNELS))
    phases = 0.8 * core + 0.6 * rng.normal(size=(len(CLASSES), 3, CHANNELS))
    scenes = 0.45 * core[:, 0] + 0.9 * rng.normal(size=(len(CLASSES), CHANNELS))
    return {"phases": phases, "scenes": scenes, "background": rng.normal(size=(8, CHANNELS))}


def make_video(rng: np.random.Generator, patterns: dict, number: int) -> dict:
    """One video: features (T, D), non-negative as after a ReLU; duration and annotations in seconds."""
    labels = [number % len(CLASSES)]
    if rng.random() < TWO_CLASSES:
        labels.append((labels[0] + rng.integers(1, len(CLASSES))) % len(CLASSES))
    rows, annotations = [], []

    def background(label: int) -> None:
        scene = patterns["scenes"][label] + 0.5 * patterns["background"][rng.integers(8)]
        rows.extend([scene] * rng.integers(3, 14))
        if rng.random() < 0.3:  # an imitation
            near = 0.6 * patterns["phases"][label, 1] + 0.4 * scene
            rows.extend([near] * rng.integers(2, 6))
            rows.extend([scene] * rng.integers(2, 6))

    for _ in range(rng.integers(4, 9)):
        label = labels[rng.integers(len(labels))]
        background(label)
        length = int(rng.integers(4, 16))
        start = len(rows)
        phase = np.minimum(np.arange(length) * 3 // length, 2)
        rows.extend(patterns["phases"][label][phase])
        annotations.append(
            {
                "label": CLASSES[label],
                "segment": [round(start * SECONDS, 2), round((start + length) * SECONDS, 2)],
            }
        )
    background(labels[0])
    clean = np.array(rows)
    blurred = (np.roll(clean, 1, 0) + 2 * clean + np.roll(clean, -1, 0)) / 4
    style = 0.3 * rng.normal(size=CHANNELS)
    features = np.maximum(blurred + style + NOISE * rng.normal(size=clean.shape), 0)
    return {
        "features": features.astype(np.float32),
        "duration": round(len(rows) * SECONDS, 2),
        "annotations": annotations,
    }


def make_point(rng: np.random.Generator, video: str, action: dict) -> dict:
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


if __name__ == "__main__":
    errors.run(main)
