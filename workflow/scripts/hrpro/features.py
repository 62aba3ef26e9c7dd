"""Snippet features: .npy files -> one HDF5 file a data set, and reading it.

The file: /train/<video> and /test/<video>, (T, D), a chunk a video, each with the sha256 of its source
as attribute; width, snippet_frames, snippet_fps and format_version at the root.
"""

import contextlib
import hashlib
import io
import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np

from . import files
from .errors import InputError
from .grid import Grid
from .progress import log, track

FORMAT_VERSION = 1
LENGTH_TOLERANCE = 2  # snippets between features and duration before a warning


def feature_file(root, split: str, video: str) -> Path:
    """Where the HR-Pro layout keeps the features of a video."""
    return Path(root) / "features" / split / f"{video}.npy"


def of_folder(path) -> dict[str, Path]:
    """The .npy file of each video in a folder, or of the one video that is named itself; by video, sorted.

    Raises InputError where there is none.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; wanted a folder of <video>.npy, or one of these")
    found = [path] if path.is_file() else list(path.glob("*.npy"))
    if not found:
        raise InputError(f"{path}: no features in this folder; wanted a <video>.npy a video")
    for file in found:
        if file.suffix != ".npy" or not file.is_file():
            raise InputError(f"{file}: no .npy file; wanted the features of a video")
    return dict(sorted((file.stem, file) for file in found))


def convert(root, splits: dict[str, list[str]], durations: dict, grid: Grid, dtype: str, output) -> None:
    """Write the features of both splits to `output`, two videos in memory at a time.

    splits: {"train"|"test": videos}; durations: {video: seconds}, for warnings alone; dtype: float32 or
    float16. Raises InputError on a feature file that is missing, damaged, of a wrong kind or width, or
    that holds NaN or infinity; `output` is then not written.
    """
    videos = [(split, video) for split, names in splits.items() for video in names]
    width = None
    paths = [feature_file(root, split, video) for split, video in videos]
    files.require_space(output, sum(path.stat().st_size for path in paths if path.is_file()))
    arrays = read_ahead(paths)
    with files.atomic(output) as temporary, h5py.File(temporary, "w") as file:
        for split, video in track(videos, len(videos), "features"):
            path, array, checksum = next(arrays)
            if width is None:
                width, first = array.shape[1], path
            if array.shape[1] != width:
                raise InputError(
                    f"{path}: {array.shape[1]} channels, but {first} has {width}; extract it again"
                )
            with np.errstate(over="ignore"):
                stored = array.astype(dtype, copy=False)
            if stored is not array and not np.isfinite(stored).all():
                raise InputError(
                    f"{path}: a value is too large for {dtype}; set settings.features.dtype: float32"
                )
            data = file.create_dataset(f"{split}/{video}", data=stored, chunks=array.shape)
            data.attrs["sha256"] = checksum
            surplus = len(array) - durations[video] / grid.snippet
            if abs(surplus) > LENGTH_TOLERANCE:
                log.warning(
                    "%s: %d snippets of features, but its %.2f s are %.1f; check snippet and duration",
                    video, len(array), durations[video], len(array) - surplus,
                )  # fmt: skip
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["width"] = width
        file.attrs["snippet_frames"] = grid.frames
        file.attrs["snippet_fps"] = grid.fps


def read_ahead(paths: list[Path]) -> Iterator[tuple[Path, np.ndarray, str]]:
    """Each path with its `read_npy`, another thread reading the next one meanwhile."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting = None
        for path in paths:
            ready, waiting = waiting, (path, reader.submit(read_npy, path))
            if ready:
                yield ready[0], *ready[1].result()
        if waiting:
            yield waiting[0], *waiting[1].result()


def read_npy(path) -> tuple[np.ndarray, str]:
    """The (T, D) array of an .npy file, and the sha256 of the file."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; put it there or take the video out of the split") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    try:
        array = parse_npy(content)
    except Exception as error:  # of damaged headers, even those of the tokenizer and of zipfile
        pickled = "Object arrays" in str(error)
        said = "a pickled array; save it as float32" if pickled else "damaged or no .npy file; copy it again"
        raise InputError(f"{path}: {said}") from None
    if array.dtype.kind != "f":
        raise InputError(f"{path}: values of type {array.dtype}; wanted float32")
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"{path}: shape {array.shape}; wanted (snippets, channels)")
    finite = np.isfinite(array)
    if not finite.all():
        row, channel = np.argwhere(~finite)[0]
        raise InputError(f"{path}: row {row}, channel {channel}: {array[row, channel]}; extract it again")
    return array, hashlib.sha256(content).hexdigest()


def parse_npy(content: bytes) -> np.ndarray:
    """The array of an .npy file, of its bytes, not copied. Raises what numpy does where there is none."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = header(file)
    if dtype.hasobject:
        raise ValueError("Object arrays are pickled")
    flat = np.frombuffer(content, dtype, count=math.prod(shape), offset=file.tell())
    return flat.reshape(shape, order="F" if by_columns else "C")


class FeatureFile:
    """Reads results/<dataset>/features.h5; a context manager.

    width D; grid: the length of a snippet; videos[split]: names, sorted.
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
            self.grid = Grid(int(facts["snippet_frames"]), float(facts["snippet_fps"]))
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
            data = self.file[split][video]
            chunk = data.id.get_chunk_info(0)
            handle = data.file.id.get_vfd_handle()  # of another file, where a copy's features are links
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
