"""Reading the features of a video, whatever kind of file holds them: .npy, .npz, HDF5, a joint file.

Arrays are (T, D) or (D, T), T snippets, D channels; orientation.py decides which, and `read` gives (T, D).
"""

import hashlib
import io
import math
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from ..utils import errors, files
from ..utils.errors import InputError
from ..utils.progress import log
from . import hdf5
from .pickles import unpickle

# What an array is called inside the file or group of one video; other names are videos'.
ARRAY = re.compile(r"(.*[_-])?(arr_0|data|feats?|features?|rgb|flow)", re.IGNORECASE)
PLAIN = re.compile(r"arr_0|data|feats?|features?|rgb|flow")  # a group that has one of these is a video
STREAMS = ("rgb", "flow")
# How files begin that are often called as features are, and what to do.
BEGINNINGS = {
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself; fetch it with `git lfs pull`",
    b"<!doctype html": "a web page, not the file itself; download it again",
    b"<html": "a web page, not the file itself; download it again",
    b"\x1f\x8b": "compressed by gzip; unpack it with `gunzip`",
    b"pk": "a zip archive; call it .npz, or unpack it",
}
LARGE, RATIO = 2**26, 200  # bytes of an array from which it has to take 1 / RATIO of them in its file


class Source(NamedTuple):
    """Where a video's features lie: its file or files, or its key in a file that it shares.

    by_columns: whether the arrays are (D, T); None: not known yet.
    """

    files: tuple[Path, ...]
    key: str | None = None
    by_columns: bool | None = None

    def __str__(self) -> str:
        return f"{self.files[0]}: {self.key}" if self.key else str(self.files[0])

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a file that can be read alone, which no part of a pickle can."""
        return self.key is not None and self.files[0].suffix != ".npy"


class Header(NamedTuple):
    """What an array is, and where it lies."""

    place: str
    shape: tuple[int, ...]
    dtype: np.dtype


# The features of a video.


def read(source: Source) -> tuple[np.ndarray, str]:
    """A video's features (T, D) of the type that they are stored in, and a sha256.

    source: one whose orientation is known. The sha256 is that of its file or files one after the other or,
    if a file holds many videos, of its values. Raises InputError if something is missing, damaged, not a
    float, NaN or infinite.
    """
    checksum, streams = hashlib.sha256(), []
    for place, array in arrays(source, checksum):
        check(Header(place, array.shape, array.dtype))
        streams.append(array.T if source.by_columns else array)
        finite = np.isfinite(streams[-1])
        if not finite.all():
            row, channel = np.argwhere(~finite)[0]
            value = streams[-1][row, channel]
            raise InputError(f"{place}: row {row}, channel {channel}: {value}; extract it again")
    if len(streams) == 1:
        return streams[0], checksum.hexdigest()
    lengths = [len(stream) for stream in streams]
    if max(lengths) > min(lengths):
        log.warning("%s: %d snippets of rgb, %d of flow; the surplus is left out", source, *lengths)
    joined = np.concatenate([stream[: min(lengths)] for stream in streams], axis=1)
    return joined, checksum.hexdigest()


def headers(source: Source) -> list[Header]:
    """What a video's arrays are, without reading them. Raises InputError if one cannot be features."""
    described = list(describe(source))
    for header in described:
        check(header)
    return described


def digest(source: Source) -> str:
    """The sha256 of a video's part of a file that it shares. Raises InputError if that cannot be read."""
    checksum = hashlib.sha256()
    for _, array in arrays(source, checksum):
        checksum.update(f"{array.shape} {array.dtype}".encode())
    return checksum.hexdigest()


def check(header: Header) -> None:
    """Raise InputError if an array cannot be features."""
    place, shape, dtype = header
    if dtype.hasobject and dtype.metadata:  # of HDF5's texts and rows of any length
        raise InputError(f"{place}: texts, or rows of different lengths; expected float32")
    if dtype.hasobject:
        raise InputError(f"{place}: a pickled array; save it as float32")
    if dtype.kind != "f":
        raise InputError(f"{place}: values of type {dtype}; expected float32")
    if len(shape) != 2 or min(shape) < 1:
        raise InputError(f"{place}: shape {shape}; expected (snippets, channels)")


def check_size(header: Header, stored: float) -> None:
    """Raise InputError where an array says that it is much larger than the `stored` bytes of it in a file."""
    size = math.prod(header.shape) * header.dtype.itemsize
    if size > LARGE and size > RATIO * stored:
        raise InputError(
            f"{header.place}: shape {header.shape}, {size / 1e6:.0f} MB, of {stored / 1e6:.1f} MB in its "
            "file; extract it again"
        )


def describe(source: Source) -> Iterator[Header]:
    """What a video's arrays are, by their headers alone where the kind of file has some."""
    file, key = source.files[0], source.key
    if file.suffix == ".npz":
        with errors_of(file):
            opened = archive(file)
            for name in [key] if key else array_names(source, names_in(opened)):
                yield npz_header(opened, name, f"{file}: {name}")
    elif file.suffix == ".npy" and key is None:
        for path in source.files:
            with errors_of(path), path.open("rb") as opened:
                shape, _, dtype = npy_header(opened)
                header = Header(str(path), shape, dtype)
                check(header)
                if math.prod(shape) * dtype.itemsize > path.stat().st_size:
                    raise ValueError("cut short")
            yield header
    else:
        with opened_arrays(source) as opened:
            for place, array in opened:
                yield Header(place, tuple(array.shape), array.dtype)


def arrays(source: Source, checksum) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of a video, each with its place; their bytes, or their files', go into the checksum."""
    if source.key is not None:
        with opened_arrays(source) as opened:
            for place, array in opened:
                values = np.asarray(array)
                checksum.update(np.ascontiguousarray(values))
                yield place, values
        return
    for path in source.files:
        with errors_of(path):
            content = path.read_bytes()
            checksum.update(content)
            if path.suffix == ".npy":
                yield str(path), parse_npy(content, path)
            else:
                with zipfile.ZipFile(io.BytesIO(content)) as opened:
                    for name in array_names(source, names_in(opened)):
                        place = f"{path}: {name}"
                        npz_header(opened, name, place)
                        yield place, parse_npy(opened.read(f"{name}.npy"), place)


@contextmanager
def opened_arrays(source: Source) -> Iterator[list[tuple[str, object]]]:
    """The arrays of a video in a file that it shares, those of HDF5 not read yet, each with its place."""
    file, key = source.files[0], source.key
    if file.suffix == ".npy":
        yield [(str(source), row_of_joint(file, source.files[1], key))]
    elif file.suffix == ".npz":
        with errors_of(file):
            npz_header(archive(file), key, source)
            content = archive(file).read(f"{key}.npy")
            yield [(str(source), parse_npy(content, source))]
    else:
        with errors_of(file), hdf5.open_file(file) as opened:
            node = opened[key]
            nodes = [(str(source), node)]
            if not isinstance(node, h5py.Dataset):
                names = array_names(source, hdf5.names_in(node))
                nodes = [(f"{source}/{name}", node[name]) for name in names]
            for place, data in nodes:
                hdf5.require_all(data, place)
                stored = math.inf if data.is_virtual else data.id.get_storage_size()
                check_size(Header(place, data.shape, data.dtype), stored)
            yield nodes


def array_names(place, names: list[str]) -> list[str]:
    """Of the arrays that a video's file or group has, its features: one, or rgb and flow."""
    names = [name for name in names if ARRAY.fullmatch(name)] or names
    if len(names) == 2:
        by_stream = [[name for name in names if name.lower().endswith(stream)] for stream in STREAMS]
        if all(len(of_stream) == 1 for of_stream in by_stream):
            return [name for of_stream in by_stream for name in of_stream]
    if len(names) != 1:
        content = ", ".join(names) or "nothing"
        raise InputError(f"{place}: holds {content}; expected one array, or one of rgb and one of flow")
    return names


@contextmanager
def errors_of(path):
    """Turn what goes wrong in reading a file into an InputError."""
    try:
        files.require_regular(path)
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; put it there or take the video out of the split") from None
    except MemoryError:
        raise InputError(f"{path}: not enough memory to read it") from None
    except Exception as error:  # of damaged headers, even those of the tokenizer and of zipfile
        if isinstance(error, OSError) and error.errno is not None:
            raise InputError(f"{path}: {errors.reason(error)}") from None
        if isinstance(error, NotImplementedError) or "encrypted" in str(error):  # of zipfile
            raise InputError(
                f"{path}: encrypted, or compressed as Python cannot read it; save it by "
                "numpy.savez_compressed"
            ) from None
        raise InputError(f"{path}: {what_it_is(path)}") from None


def what_it_is(path) -> str:
    """What a file is that cannot be read, by how it begins, and the remedy."""
    with open(path, "rb") as file:
        begin = file.read(64)
    for start, words in BEGINNINGS.items():
        if begin.lstrip().lower().startswith(start) and not (start == b"pk" and Path(path).suffix == ".npz"):
            return words
    return f"damaged or not in {Path(path).suffix} format; copy it again"


def stamp(path: Path) -> tuple[int, int]:
    """What changes with a file's content: an opened file is remembered as long as it stays."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


# .npy


def npy_header(file) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether by columns, and type of the array in an open .npy file, of which its data come next."""
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of Python 2's files, which are as good
        return header(file)


def parse_npy(content: bytes, place) -> np.ndarray:
    """The array of an .npy file, of its bytes, not copied. Raises what numpy does if there is none."""
    file = io.BytesIO(content)
    shape, by_columns, dtype = npy_header(file)
    check(Header(place, shape, dtype))
    flat = np.frombuffer(content, dtype, count=math.prod(shape), offset=file.tell())
    if surplus := len(content) - file.tell() - flat.nbytes:
        raise InputError(f"{place}: {surplus} bytes after its array; save one array per file")
    return flat.reshape(shape, order="F" if by_columns else "C")


def is_of_one_video(file: Path) -> bool:
    """Whether an .npy or .npz file holds one video's features and not those of many."""
    if file.suffix == ".npz":
        return any(ARRAY.fullmatch(name) for name in members(file))
    with errors_of(file), file.open("rb") as opened:
        return not npy_header(opened)[2].hasobject


# .npz


def archive(file: Path) -> zipfile.ZipFile:
    """An .npz file, opened once."""
    return opened_archive(file, stamp(file))


@lru_cache(maxsize=1)
def opened_archive(file: Path, _) -> zipfile.ZipFile:
    return zipfile.ZipFile(file)


def members(file: Path) -> list[str]:
    """The arrays in an .npz file, by name."""
    with errors_of(file), zipfile.ZipFile(file) as opened:
        return names_in(opened)


def npz_header(opened: zipfile.ZipFile, name: str, place) -> Header:
    """What an array in an open .npz file is. Raises InputError where it is larger than its bytes allow."""
    member = opened.getinfo(f"{name}.npy")
    with opened.open(member) as file:
        shape, _, dtype = npy_header(file)
    header = Header(str(place), shape, dtype)
    check(header)
    if math.prod(shape) * dtype.itemsize > member.file_size:
        raise ValueError("cut short")
    if member.file_size > LARGE + math.prod(shape) * dtype.itemsize:
        raise ValueError("more than an array")
    check_size(header, member.compress_size)
    return header


def names_in(opened: zipfile.ZipFile) -> list[str]:
    """The arrays in an open .npz file, by name."""
    return [name.removesuffix(".npy") for name in opened.namelist() if name.endswith(".npy")]


# HDF5


def h5_videos(file: Path) -> list[str]:
    """The paths of the videos in an HDF5 file: data sets, or groups that have a video's arrays alone."""
    with errors_of(file):
        return listed_h5_videos(file, stamp(file))


@lru_cache(maxsize=8)
def listed_h5_videos(file: Path, _) -> list[str]:
    def videos(group: h5py.Group, path: str = "", above: tuple[h5py.Group, ...] = ()) -> Iterator[str]:
        for name, node in hdf5.nodes_of(group, file, above):
            if isinstance(node, h5py.Dataset) or is_video(hdf5.names_in(node)):
                yield f"{path}{name}"
            else:
                yield from videos(node, f"{path}{name}/", (*above, group))

    with hdf5.open_file(file) as opened:
        return list(videos(opened))


def is_video(names: list[str]) -> bool:
    """Whether a group with such members is a video, and not one of videos; it may say more than features."""
    return bool(names) and (all(map(ARRAY.fullmatch, names)) or any(map(PLAIN.fullmatch, names)))


def files_behind(file: Path) -> list[Path]:
    """The files whose bytes a file of features has: itself and, of HDF5, those that it links to."""
    if file.suffix not in (".h5", ".hdf5"):
        return [file]
    with errors_of(file):
        return [file, *linked_files(file, stamp(file))]


@lru_cache(maxsize=8)
def linked_files(file: Path, _) -> list[Path]:
    return hdf5.linked_files(file)


# W-TALC's joint file: an array of objects, an array (T, D) each, in the order of a list of videos.


def read_names(path: Path) -> list[str]:
    """The videos of a list, .npy or text with one per line. Raises InputError if it has one twice."""
    if path.suffix == ".npy":
        with errors_of(path), path.open("rb") as file:
            pickled = npy_header(file)[2].hasobject
            array = unpickle(file, path) if pickled else parse_names(path)
        videos = [name.decode() if isinstance(name, bytes) else str(name) for name in array.ravel().tolist()]
    else:
        videos = [line.strip() for line in files.read_text(path).splitlines() if line.strip()]
    for video, count in Counter(videos).items():
        if count > 1:
            raise InputError(f"{path}: {video} is listed {count} times; expected once, correct the list")
    return videos


def parse_names(path: Path) -> np.ndarray:
    """The text or bytes in an .npy file, not pickled."""
    content = path.read_bytes()
    file = io.BytesIO(content)
    shape, _, dtype = npy_header(file)
    if dtype.kind not in "SU":
        raise InputError(f"{path}: values of type {dtype}; expected the names of videos")
    return np.frombuffer(content, dtype, count=math.prod(shape), offset=file.tell())


def row_of_joint(file: Path, names_path: Path, video: str) -> np.ndarray:
    """A video's array in a joint file. Raises InputError if it and the list of its videos do not fit."""
    names = read_names(names_path)
    joint = opened_joint_file(file)
    if joint.shape != (len(names),):
        raise InputError(
            f"{file}: shape {joint.shape} of objects, but {names_path} lists {len(names)} videos; "
            "give the list that belongs to it"
        )
    row = joint[names.index(video)]
    if not isinstance(row, np.ndarray):
        raise InputError(f"{file}: {video}: {type(row).__name__}; expected an array (snippets, channels)")
    return row


def opened_joint_file(file: Path) -> np.ndarray:
    """The array of objects in a joint file, opened once."""
    with errors_of(file):
        return opened_joint(file, stamp(file))


@lru_cache(maxsize=1)
def opened_joint(file: Path, _) -> np.ndarray:
    with file.open("rb") as opened:
        npy_header(opened)
        return unpickle(opened, file)
