"""What there is to label: films in a folder, or recordings without film, which are shown as curves."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..config import FeatureFiles
from ..data import layouts, orientation, readers
from ..data.labels.tables import SEPARATORS
from ..data.readers import Source
from ..utils import files
from ..utils.errors import InputError
from ..utils.names import clean, quoted
from ..utils.progress import log
from ..video import decoding, folders

PLAYED = {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".ogv", ".3gp"}  # formats that browsers may play
CHANNELS = 6  # up to so many are curves of their own
COMPONENTS = 3  # curves of more channels
COLUMNS = 20_000  # values of a curve; of longer recordings they are means


class Recording(NamedTuple):
    """A recording to label: a film's file or, if it has none, what reads its values (T, D)."""

    video: str
    film: Path | None = None
    values: Callable[[], np.ndarray] | None = None


def find(folder, rate: float | None, points: Path) -> list[Recording]:
    """The recordings in a folder, by name: films or, with a rate (rows per second), tables and feature files.

    points: the points' file, which is none of them. A file that a link takes out of the folder is left out,
    with a warning. Raises InputError if there is nothing to label.
    """
    folder = Path(folder)
    if rate is None:
        films = folders.find(folder)
        kept = {video: path for video, path in films.items() if is_inside(folder, path)}
        recordings = [Recording(video, film=path) for video, path in kept.items()]
        left_out = films.keys() - kept.keys()
    else:
        recordings, left_out = without_film(folder, points)
    if left_out:
        log.warning(
            "%s: left out %d that links take out of the folder (%s); copy them into it or name their folder",
            folder, len(left_out), quoted(sorted(left_out)),
        )  # fmt: skip
    if not recordings:
        raise InputError(f"{folder}: nothing to label in it; put videos there")
    return recordings


def without_film(folder: Path, points: Path) -> tuple[list[Recording], set[str]]:
    """The recordings of CSV files or else of feature files in a folder, and those that lie outside of it."""
    tables = {clean(path.stem): path for path in sorted(folder.glob("*.csv")) if path.resolve() != points}
    if tables:
        inside = {video: path for video, path in tables.items() if is_inside(folder, path)}
        found = [Recording(video, values=lambda path=path: table(path)) for video, path in inside.items()]
        return found, tables.keys() - inside.keys()
    sources = layouts.of_folder(folder, FeatureFiles())
    sources, _ = orientation.orient(sources, FeatureFiles(), remedy="put it into a folder of its own")
    inside = {v: source for v, source in sources.items() if all(is_inside(folder, f) for f in source.files)}
    found = [Recording(video, values=lambda source=source: read(source)) for video, source in inside.items()]
    return found, sources.keys() - inside.keys()


def is_inside(folder, path) -> bool:
    """Whether a file, and what it links to, lies in a folder."""
    return Path(path).resolve().is_relative_to(Path(folder).resolve()) and Path(path).is_file()


def read(source: Source) -> np.ndarray:
    """The features (T, D) of a recording."""
    return readers.read(source)[0]


def table(path: Path) -> np.ndarray:
    """The columns of numbers of a CSV file, (T, D). Raises InputError if it has none."""
    with files.open_text(path) as file:
        separator = max(SEPARATORS, key=file.readline().count)
    try:
        rows = pd.read_csv(path, sep=separator)
    except ValueError as error:
        raise InputError(f"{path}: not a table that can be read ({error}); save it as CSV") from None
    values = rows.select_dtypes("number").to_numpy(float)
    if not values.size:
        raise InputError(f"{path}: no column of numbers; expected a header, then a row per moment")
    return np.nan_to_num(values)


def curves(values: np.ndarray) -> dict:
    """What is drawn of values (T, D): {"rows": T, "names", "curves"}, each curve from 0 to 1.

    Up to CHANNELS channels are drawn as they are, of more the first principal components.
    """
    values = np.asarray(values, dtype=float)
    rows = len(values)
    if values.shape[1] > CHANNELS:
        values = principal_components(values, COMPONENTS)
        names = [f"principal component {number + 1}" for number in range(values.shape[1])]
    else:
        names = [f"channel {number + 1}" for number in range(values.shape[1])]
    size = -(-rows // COLUMNS)  # rows per value
    if size > 1:
        borders = np.arange(0, rows, size)
        values = np.add.reduceat(values, borders) / np.diff([*borders, rows])[:, None]
    low, high = values.min(axis=0), values.max(axis=0)
    scaled = np.where(high > low, (values - low) / np.where(high > low, high - low, 1), 0.5)
    return {"rows": rows, "rows_per_value": size, "names": names, "curves": scaled.T.round(3).tolist()}


def principal_components(values: np.ndarray, count: int) -> np.ndarray:
    """The first principal components of values (T, D) -> (T, count), largest variance first."""
    centred = values - values.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return centred @ vectors[:, : -count - 1 : -1]


def frame_times(film: Path) -> np.ndarray:
    """When each frame of a film is shown, in seconds since the first one.

    Raises InputError if it is damaged.
    """
    with decoding.open_video(film) as reader:
        times = reader.packet_times()
    if times is None:
        with decoding.open_video(film) as reader:
            times = [0, *(end for _, end in reader.timed_frames())][:-1]
    return np.array(times, dtype=float)
