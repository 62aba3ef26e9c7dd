"""Snippet features: files of any layout -> one HDF5 file a data set, and reading it.

The file: /train/<video> and /test/<video>, (T, D), a chunk a video, each with the sha256 of its source
as attribute; width, snippet_frames, snippet_window, snippet_fps and format_version at the root.
"""

import contextlib
import math
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import h5py
import numpy as np

from ..config import FeatureFiles
from ..grid import Grid
from ..utils import files
from ..utils.errors import InputError
from ..utils.progress import log, track
from . import layouts
from .layouts import Source

FORMAT_VERSION = 1
LENGTH_TOLERANCE = 2  # snippets between features and duration before a warning
AHEAD = 3  # videos that are read before they are written
RECOGNISED = FeatureFiles()  # by what lies in <root>/features


def convert(
    root,
    splits: dict[str, list[str]],
    durations: dict,
    grid: Grid,
    dtype: str,
    output,
    chosen: FeatureFiles = RECOGNISED,
) -> None:
    """Write the features of both splits to `output`, AHEAD videos in memory at a time.

    splits: {"train"|"test": videos}; durations: {video: seconds}, of some, for warnings alone; dtype:
    float32 or float16; chosen: where under `root` they lie, and how. Raises InputError on features that
    are missing, damaged, of a wrong kind or width, or hold NaN or infinity; `output` is then not written.
    """
    videos = [(split, video) for split, names in splits.items() for video in names]
    sources, shapes = layouts.oriented_splits(layouts.of_splits(root, chosen, splits), chosen, splits)
    values = sum(map(math.prod, shapes.values()))
    files.require_space(output, values * np.dtype(dtype).itemsize)
    arrays = read_ahead([sources[video] for _, video in videos], chosen)
    with (
        files.atomic(output) as temporary,
        h5py.File(temporary, "w") as file,
        files.flushing(file.id.get_vfd_handle()) as flush,
    ):
        for split, video in track(videos, len(videos), "features"):
            source, array, checksum = next(arrays)
            with np.errstate(over="ignore"):
                stored = array.astype(dtype, copy=False)
            if stored is not array and not np.isfinite(stored).all():
                raise InputError(
                    f"{source}: a value is too large for {dtype}; set settings.features.dtype: float32"
                )
            data = file.create_dataset(f"{split}/{video}", data=stored, chunks=array.shape)
            data.attrs["sha256"] = checksum
            flush()
            surplus = len(array) - grid.length(durations[video]) if video in durations else 0
            if abs(surplus) > LENGTH_TOLERANCE:
                log.warning(
                    "%s: %d snippets of features, but its %.2f s are %.1f; check snippet and duration",
                    video, len(array), durations[video], len(array) - surplus,
                )  # fmt: skip
            width = array.shape[1]
        for split in splits:  # one may have no video
            file.require_group(split)
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["width"] = width
        file.attrs["snippet_frames"] = grid.frames
        file.attrs["snippet_window"] = grid.window
        file.attrs["snippet_fps"] = grid.fps


def read_ahead(sources: list[Source], chosen: FeatureFiles) -> Iterator[tuple[Source, np.ndarray, str]]:
    """Each source with what `layouts.read` gives, another thread reading the next ones meanwhile.

    More than one, for h5py holds Python's lock while it writes, and the thread could not begin.
    """
    left, waiting = iter(sources), deque()
    with ThreadPoolExecutor(max_workers=1) as reader:
        while True:
            for source in islice(left, AHEAD - len(waiting)):
                waiting.append((source, reader.submit(layouts.read, source, chosen)))
            if not waiting:
                return
            source, found = waiting.popleft()
            yield source, *found.result()


class FeatureFile:
    """Reads results/<dataset>/features.h5; a context manager.

    width D; grid: that of the snippets; videos[split]: names, sorted.
    """

    def __init__(self, path):
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file; make it with convert_features.py")
        self.path = path
        with self.readable():
            self.file = h5py.File(path, "r")
            facts = self.file.attrs
            if (version := facts["format_version"]) != FORMAT_VERSION:
                raise InputError(
                    f"{path}: format {version}, wanted {FORMAT_VERSION}; remove it and convert again"
                )
            self.width = int(facts["width"])
            frames = int(facts["snippet_frames"])
            window = int(facts.get("snippet_window", frames))  # not in files from before there was one
            self.grid = Grid(frames, float(facts["snippet_fps"]), window)
            self.videos = {split: sorted(self.file[split]) for split in ("train", "test")}

    @contextlib.contextmanager
    def readable(self):
        """Turn what h5py raises on a damaged file, or on another program's, into an InputError."""
        try:
            yield
        except (AttributeError, KeyError, OSError, RuntimeError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{self.path}: damaged, or no feature file of hrpro ({reason}); remove it and convert again"
            ) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def length(self, split: str, video: str) -> int:
        """The snippets of a video."""
        return self.file[split][video].shape[0]

    def read(self, split: str, videos: list[str]) -> tuple[np.ndarray, list[int]]:
        """The features of some videos end to end: (N, D) float32, and the snippets of each."""
        with self.readable():
            lengths = [self.length(split, video) for video in videos]
            packed = np.empty((sum(lengths), self.width), dtype=np.float32)
            row = 0
            for video, length in zip(videos, lengths, strict=True):
                self.file[split][video].read_direct(packed, dest_sel=np.s_[row : row + length])
                row += length
        return packed, lengths

    def expect(self, split: str, videos: list[str]) -> None:
        """Have the system begin to read some videos into its cache, where it can: `read` will want them."""
        if not hasattr(os, "posix_fadvise"):  # macOS
            return
        for video in videos:
            with self.readable():
                data = self.file[split][video]
                chunk = data.id.get_chunk_info(0)
                handle = data.file.id.get_vfd_handle()  # of another file, where a copy's features are links
            with contextlib.suppress(OSError):  # it is a hint, and not every file system takes it
                os.posix_fadvise(handle, chunk.byte_offset, chunk.size, os.POSIX_FADV_WILLNEED)

    def moments(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of each channel over a split's snippets: (D,) float64, a video at a time.

        A channel that never changes has deviation 1.
        """
        count, total, squares = 0, np.zeros(self.width), np.zeros(self.width)
        shift = None  # near the mean, so that the squares lose no digits
        for video in self.videos[split]:
            values = self.read(split, [video])[0].astype(np.float64)
            shift = values.mean(0) if shift is None else shift
            count += len(values)
            total += (values - shift).sum(0)
            squares += ((values - shift) ** 2).sum(0)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
        return shift + mean, np.where(deviation > 1e-6, deviation, 1.0)

    def read_split(self, split: str) -> tuple[np.ndarray, list[int]]:
        """All videos of a split end to end, in the order of `videos[split]`."""
        return self.read(split, self.videos[split])
