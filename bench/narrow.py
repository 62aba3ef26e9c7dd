"""Make data sets of 1, 2, 3 and 7 channels, and a configuration of them: python bench/narrow.py FOLDER.

Each has 14 training and 8 test videos of 60 to 79 snippets. Of two classes each moves the channels by 2 in a
direction of its own, the only channel up or down; the noise's deviation is 0.3.
"""

import json
import sys
from pathlib import Path

import numpy as np

WIDTHS = (1, 2, 3, 7)
TRAIN, TEST, SECONDS = 14, 8, 0.64  # videos, and the length of a snippet
CLASSES = ("rise", "fall")


def make(root: Path, width: int) -> None:
    """Write a data set's features, points and annotations."""
    rng = np.random.default_rng(0)
    directions = np.array([[1.0], [-1.0]]) if width == 1 else rng.normal(size=(2, width))
    directions *= 2 / np.linalg.norm(directions, axis=1, keepdims=True)
    (root / "features").mkdir(parents=True)
    database, points = {}, ["video,seconds,class"]
    for number in range(TRAIN + TEST):
        video, length = f"video_{number:02}", 60 + int(rng.integers(20))
        features, start, actions = 0.3 * rng.normal(size=(length, width)), 3, []
        while start < length - 12:
            end, label = start + int(rng.integers(4, 9)), int(rng.integers(2))
            features[start:end] += directions[label]
            actions.append({"label": CLASSES[label], "segment": [start * SECONDS, end * SECONDS]})
            start = end + int(rng.integers(5, 10))
        np.save(root / "features" / f"{video}.npy", features.astype(np.float32))
        if number < TRAIN:
            points += [f"{video},{sum(a['segment']) / 2:.2f},{a['label']}" for a in actions]
        else:
            database[video] = {"duration": length * SECONDS, "annotations": actions}
    (root / "points.csv").write_text("\n".join(points) + "\n")
    (root / "annotations.json").write_text(json.dumps({"database": database}))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    entries = {}
    for width in WIDTHS:
        make(folder / f"channels{width}", width)
        entries[f"channels{width}"] = {
            "root": str((folder / f"channels{width}").absolute()),
            "snippet": {"frames": 16, "fps": 25},
            "features": {"width": width},
        }
    (folder / "narrow.yaml").write_text(json.dumps({"datasets": entries}, indent=1))
