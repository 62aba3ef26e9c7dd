"""A made data set of THUMOS14's size in the HR-Pro layout, and a configuration that names it.

    PYTHONPATH=workflow/scripts python bench/made_thumos.py FOLDER [--channels 2048] [--videos 20]
    snakemake --configfile FOLDER/thumos.yaml --cores 2 -- results/made-thumos/map.json

Annotations, points, splits and lengths are THUMOS14's own; the features are drawn, non-negative and sparse as
I3D's are: 1.1 GB of 2048 channels. What happens lies in a space of LATENT dimensions: an action runs through
three phases of its class, the background shows places and their video's class's scene, and some of it
imitates an action's middle. A random map with noise and a ReLU makes channels of them.
"""

import argparse
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from hrpro.data import demo
from hrpro.grid import Grid
from hrpro.utils import files

SHARED = Path(os.environ.get("SHARED", Path(__file__).parent.parent.parent / "shared"))
THUMOS14 = SHARED / "data" / "THUMOS14"  # its annotations, splits and points
GRID = Grid(16, 25)
NOT_EVALUATED = ("video_test_0000270", "video_test_0001292", "video_test_0001496")
SPLITS = ("train", "test")
NAME = "made-thumos"

LATENT, PLACES = 64, 8
STRETCH = (4, 24)  # snippets of the background that look alike
IMITATIONS = 0.25  # share of these that look like an action's middle
PLACE = 0.7  # weight of a place beside the scene
NOISE, STYLE = 1.2, 0.3  # deviation of a latent dimension by snippet and by video; the patterns' is 1
CHANNEL_NOISE, THRESHOLD = 0.5, 0.5  # beside a channel's deviation of about 1; 0.5: two thirds are zeros
SCALE = 0.3  # of I3D's values


def write(
    folder, channels: int = 2048, videos: int | None = None, seed: int = 0, source: Path = THUMOS14
) -> dict:
    """Write the data set to a folder; -> its entry in a configuration, which is in thumos.yaml, too.

    videos: so many of each split, evenly chosen; None: all. source: THUMOS14's annotations. Equal arguments
    give equal files.
    """
    folder = Path(folder)
    database = json.loads((source / "gt_full.json").read_text())["database"]
    chosen = {}
    for split in SPLITS:
        names = (source / f"split_{split}.txt").read_text().split()
        chosen[split] = names[:: len(names) // min(videos or len(names), len(names))][:videos]
        files.write_text(folder / f"split_{split}.txt", "\n".join(chosen[split]) + "\n")
    of_split = [(split, video) for split in SPLITS for video in chosen[split]]
    database = {video: database[video] for _, video in of_split}
    files.write_json(folder / "gt_full.json", {"database": database})
    (folder / "point_labels").mkdir(exist_ok=True)
    for name in ("point_labels/point_gaussian.csv", "Ambiguous_test.txt"):
        shutil.copyfile(source / name, folder / name)

    classes = sorted({a["label"] for entry in database.values() for a in entry["annotations"]})
    patterns = draw_patterns(np.random.default_rng(seed), len(classes), channels)

    def write_video(number: int) -> None:
        split, video = of_split[number]
        path = folder / "features" / split / f"{video}.npy"
        features = draw_video(np.random.default_rng([seed, number]), database[video], classes, patterns)
        with files.atomic(path) as temporary, open(temporary, "wb") as file:
            np.save(file, features)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(write_video, range(len(of_split))))
    entry = {
        "root": str(folder.absolute()),
        "snippet": {"frames": GRID.frames, "fps": GRID.fps},
        "exclude": [video for video in NOT_EVALUATED if video in database],
        "ambiguous": str(folder.absolute() / "Ambiguous_test.txt"),
    }
    files.write_json(folder / "thumos.yaml", {"datasets": {NAME: entry}}, indent=1)
    return entry


def draw_patterns(rng: np.random.Generator, classes: int, channels: int) -> dict[str, np.ndarray]:
    """Classes' phases (C, 3, LATENT) and scenes (C, LATENT), places, and the map to channels."""

    def like_core(core: np.ndarray, count: int, likeness: float) -> np.ndarray:
        other = rng.normal(size=(classes, count, LATENT))
        return likeness * core + (1 - likeness**2) ** 0.5 * other

    core = rng.normal(size=(classes, 1, LATENT))
    return {
        "phases": like_core(core, 3, demo.PHASE_LIKENESS),
        "scenes": like_core(core, 1, demo.SCENE_LIKENESS)[:, 0],
        "places": rng.normal(size=(PLACES, LATENT)),
        "map": rng.normal(size=(LATENT, channels)).astype(np.float32) * (1 + NOISE**2) ** -0.5 * LATENT**-0.5,
    }


def draw_video(rng: np.random.Generator, entry: dict, classes: list[str], patterns: dict) -> np.ndarray:
    """The features of a video by its entry among the annotations: (T, channels) float32."""
    length = max(1, int(GRID.index(entry["duration"])))
    shown = sorted({classes.index(a["label"]) for a in entry["annotations"]}) or [0]
    latent, first = np.empty((length, LATENT)), 0
    while first < length:
        last = first + int(rng.integers(*STRETCH))
        label = rng.choice(shown)
        latent[first:last] = patterns["scenes"][label] + PLACE * patterns["places"][rng.integers(PLACES)]
        if rng.random() < IMITATIONS:
            latent[first:last] = patterns["phases"][label, 1]
        first = last
    for action in entry["annotations"]:
        start, end = (min(round(edge / GRID.snippet), length) for edge in action["segment"])
        start = min(start, length - 1)
        phase = np.arange(max(1, end - start)) * 3 // max(1, end - start)
        latent[start : start + len(phase)] = patterns["phases"][classes.index(action["label"]), phase]
    latent = (np.roll(latent, 1, 0) + 2 * latent + np.roll(latent, -1, 0)) / 4
    latent += STYLE * rng.normal(size=LATENT) + NOISE * rng.normal(size=latent.shape)
    features = latent.astype(np.float32) @ patterns["map"]
    features += CHANNEL_NOISE * rng.standard_normal(features.shape, dtype=np.float32)
    features -= THRESHOLD
    features *= SCALE
    return np.maximum(features, 0, out=features)


def main() -> None:
    """Write the data set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--channels", type=int, default=2048)
    parser.add_argument("--videos", type=int, help="of each split; default: all")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    write(args.folder, args.channels, args.videos, args.seed)


if __name__ == "__main__":
    main()
