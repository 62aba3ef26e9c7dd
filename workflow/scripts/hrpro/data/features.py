"""Snippet features: files of any layout -> one HDF5 file per split, and reading it.

The file: /<video>, (T, D), a chunk with a checksum per video, each with its source's sha256 as attribute; at
the root width, by_columns, snippet_frames, snippet_window, snippet_fps, format_version and, of the training
split, mean and deviation of each channel, so that trainings need not read the file for them.
"""

import contextlib
import hashlib
import math
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import numpy as np

from ..config import FeatureFiles
from ..grid import TOLERANCE, Grid
from ..utils import files
from ..utils.errors import InputError
from ..utils.names import listed
from ..utils.progress import log, track
from . import hdf5, readers
from .faults import together
from .moments import Moments
from .orientation import orient
from .readers import Source

FORMAT_VERSION = 4  # 4: with moments
AHEAD = 3  # videos that are read before they are written


def convert(
    sources: dict[str, Source],
    durations: dict[str, float],
    grid: Grid,
    *,
    dtype: str,
    layout: FeatureFiles,
    output,
    training: "FeatureFile | None" = None,
) -> None:
    """Write the features of a split's videos to `output`, AHEAD videos in memory at a time.

    durations: {video: seconds}, of some, for warnings alone; dtype: float32 or float16; layout: the entry's
    `features`; training: for the test split the training split's file, which decides width and orientation.
    Raises InputError on features that are missing, damaged, of a wrong kind or width, or hold NaN or
    infinity; `output` is then not written.
    """
    orientations = frozenset()
    if training is not None:
        layout = layout.model_copy(update={"width": training.width})
        orientations = training.orientations
    sources, shapes = orient(sources, layout, orientations)
    width = layout.width or next(iter(shapes.values()))[1]
    require_streams(layout.streams, width)
    values = sum(map(math.prod, shapes.values()))
    files.require_space(output, values * np.dtype(dtype).itemsize)
    arrays = read_ahead(list(sources.values()))
    moments = Moments(width)
    with (
        files.atomic(output) as temporary,
        hdf5.create(temporary) as file,
        open(temporary, "rb") as written,
        files.flushing(written.fileno()) as flush,
    ):
        odd, errors = [], {}
        for video in track(sources, len(sources), "features"):
            source, reading = next(arrays)
            try:
                array, checksum = reading.result()
            except InputError as error:
                errors[video] = error
            if errors:  # what else is wrong is said with it
                continue
            with np.errstate(over="ignore"):
                stored = array.astype(dtype, copy=False)
            if stored is not array and not np.isfinite(stored).all():
                raise InputError(
                    f"{source}: a value is too large for {dtype}; "
                    + ("correct it" if dtype == "float32" else "set settings.features.dtype: float32")
                )
            data = file.add(video, stored)
            data.attrs["sha256"] = hdf5.text(checksum)
            if training is None:
                moments.add(stored)
            flush()
            expected = grid.length(durations[video]) if video in durations else len(array)
            if abs(len(array) - expected) > TOLERANCE:
                seconds = f"{durations[video]:.2f} s"
                odd.append(f"{video}: {len(array)} snippets, but its {seconds} are {expected:.1f}")
        if errors:
            raise together(errors)
        if odd:
            log.warning(
                "features of another length than the video: %d of %d (%s); check snippet and durations",
                len(odd), len(sources), listed(odd),
            )  # fmt: skip
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["width"] = width
        file.attrs["by_columns"] = sorted({source.by_columns for source in sources.values()})
        file.attrs["snippet_frames"] = grid.frames
        file.attrs["snippet_window"] = grid.window
        file.attrs["snippet_fps"] = grid.fps
        if training is None:
            file.attrs["mean"], file.attrs["deviation"] = moments.mean, moments.deviation


def require_streams(streams: list[int] | None, width: int) -> None:
    """Raise InputError where streams, by their channels, are no division of `width` channels."""
    if streams is not None and sum(streams) != width:
        raise InputError(
            f"features.streams: {' + '.join(map(str, streams))} are {sum(streams)} channels, but the "
            f"features have {width}; correct it in the data set's entry"
        )


def read_ahead(sources: list[Source]) -> Iterator[tuple[Source, Future]]:
    """Each source with a future of what `readers.read` gives, another thread reading the next ones meanwhile.

    More than one, for h5py holds Python's lock while it writes, and the thread could not begin.
    """
    remaining, waiting = iter(sources), deque()
    with ThreadPoolExecutor(max_workers=1) as reader:
        while True:
            for source in islice(remaining, AHEAD - len(waiting)):
                waiting.append((source, reader.submit(readers.read, source)))
            if not waiting:
                return
            yield waiting.popleft()


class FeatureFile(hdf5.Reader):
    """Reads results/<dataset>/<split>/features.h5; a context manager.

    width D; grid: that of the snippets; videos: names, sorted; orientations: whether the videos' own files
    were (D, T), for both kinds that occurred.
    """

    MADE_BY = "convert_features.py"
    UNREADABLE = (
        "not a feature file of hrpro, or damaged ({reason}); if hrpro has made it, remove it and convert "
        "again"
    )

    def __init__(self, path):
        super().__init__(path)
        with self.readable():
            attributes = self.file.attrs
            if (version := attributes["format_version"]) != FORMAT_VERSION:
                raise InputError(
                    f"{path}: format {version}, expected {FORMAT_VERSION}; remove it and convert again"
                )
            self.width = int(attributes["width"])
            frames, window = int(attributes["snippet_frames"]), int(attributes["snippet_window"])
            self.grid = Grid(frames, float(attributes["snippet_fps"]), window)
            self.orientations = frozenset(map(bool, attributes["by_columns"]))

    def length(self, video: str) -> int:
        """The snippets of a video."""
        with self.readable():
            return self.file[video].shape[0]

    def read(self, videos: list[str]) -> tuple[np.ndarray, list[int]]:
        """The features of some videos end to end: (N, D) float32, and the snippets of each."""
        with self.readable():
            lengths = [self.length(video) for video in videos]
            packed = np.empty((sum(lengths), self.width), dtype=np.float32)
            row = 0
            for video, length in zip(videos, lengths, strict=True):
                self.file[video].read_direct(packed, dest_sel=np.s_[row : row + length])
                row += length
        return packed, lengths

    def prefetch(self, videos: list[str]) -> None:
        """Have the system begin to read some videos into its cache, for a `read` that follows."""
        if not hasattr(os, "posix_fadvise"):  # macOS
            return
        for video in videos:
            with self.readable():
                data = self.file[video]
                chunk = data.id.get_chunk_info(0)
                handle = data.file.id.get_vfd_handle()  # of another file, where a copy's features are links
            with contextlib.suppress(OSError):  # it is a hint, and not every file system takes it
                os.posix_fadvise(handle, chunk.byte_offset, chunk.size, os.POSIX_FADV_WILLNEED)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each channel over all snippets: (D,) float64; of the training split.

        A channel that never changes has standard deviation 1.
        """
        with self.readable():
            mean, deviation = self.file.attrs["mean"], self.file.attrs["deviation"]
        return mean, np.where(deviation > 1e-6, deviation, 1.0)

    def digest(self) -> str:
        """What the file holds, by the sha256 and type of each video: cheap, however large the file."""
        with self.readable():
            attributes = sorted((name, str(value)) for name, value in self.file.attrs.items())
            videos = [(v, self.file[v].attrs["sha256"], str(self.file[v].dtype)) for v in self.videos]
        return hashlib.sha256(repr((attributes, videos)).encode()).hexdigest()


def read_lengths(path) -> dict[str, float]:
    """The lengths of a file's videos, in seconds."""
    with FeatureFile(path) as file:
        return {video: file.grid.duration(file.length(video)) for video in file.videos}
