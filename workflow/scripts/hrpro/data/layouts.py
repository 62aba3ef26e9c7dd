"""Where the features of videos lie, and reading them, whatever the layout (docs/data.md has the table).

A layout is recognised by what is there: `of_splits` finds the features of the videos of a data set's
splits, `of_folder` those of every video in a folder or file. Arrays are (T, D) or (D, T): T snippets, D
channels; which, `oriented` decides by the width D, and `read` gives (T, D).
"""

import codecs
import hashlib
import io
import math
import pickle
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import h5py
import numpy as np

from ..config import LAYOUTS, SPLITS, FeatureFiles
from ..utils import files
from ..utils.errors import InputError
from ..utils.progress import log

# The file or files of a video under the folder; of two, the channels of the second follow the first's.
PATTERNS = {
    "hrpro": ("{split}/{video}.npy",),
    "lacp": ("{split}/rgb/{video}.npy", "{split}/flow/{video}.npy"),
    "rgb_flow": ("rgb/{video}.npy", "flow/{video}.npy"),
    "flat": ("{video}.npy",),
    "flat_rgb_flow": ("{video}_rgb.npy", "{video}_flow.npy"),
    "npz": ("{video}.npz",),
}
SHARED = {"npz_file": (".npz",), "h5": (".h5", ".hdf5"), "wtalc": (".npy",)}  # one file for all videos
ENDINGS = [ending for endings in SHARED.values() for ending in endings]
NAMES = "videoname.npy"  # W-TALC's list of the videos in its joint file
# What an array is called inside the file or group of one video; other names are videos'.
ARRAY = re.compile(r"(.*[_-])?(arr_0|data|feats?|features?|rgb|flow)", re.IGNORECASE)
STREAMS = ("rgb", "flow")
STREAM_TOLERANCE = 1  # snippets by which rgb and flow may differ: extractors lose a frame of flow
RISK = (
    "pickled, and a pickle can hold code of whoever made it; if you trust it, say allow_pickle: true under "
    "`features` in the data set's entry"
)


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
        """Whether it is a part of a file that can be read alone; a pickle can not."""
        return self.key is not None and self.files[0].suffix != ".npy"


# Finding.


def of_splits(root, chosen: FeatureFiles, splits: dict[str, list[str]]) -> dict[str, Source]:
    """Where the features of the splits' videos lie under a data set's root: {video: Source}.

    A file of a video's own may be missing: `read` says so. Raises InputError where no layout, or more
    than one, is recognised, or where a file for all videos lacks one.
    """
    folder = Path(root, chosen.folder)
    wanted = [(split, video) for split, names in splits.items() for video in names]
    if not wanted:
        return {}
    fitting = {}
    for layout in tried(chosen):
        held = held_by(layout, folder, chosen)
        found = [held.get(split, held.get("", {})).get(video) for split, video in wanted]
        if any(found):
            fitting[layout] = found
    if not fitting:
        there = [
            file for layout in tried(chosen) if layout in SHARED and (file := shared_file(layout, folder))
        ]
        folder = there[0] if there else folder
        missing = chosen.layout == "auto" and not folder.exists() and folder.suffix not in ENDINGS
        if missing or chosen.layout in PATTERNS:
            fitting = {"hrpro" if missing else chosen.layout: [None] * len(wanted)}
    layout = only(fitting, folder, chosen, f"{wanted[0][1]} or another video of the splits")
    sources = {}
    for (split, video), source in zip(wanted, fitting[layout], strict=True):
        if source is None and layout in SHARED:
            raise InputError(
                f"{shared_file(layout, folder)}: no features of {video} in it; "
                "add them or take the video out of the split"
            )
        sources[video] = source or Source(own_files(layout, folder, split, video))
    return sources


def of_folder(path, chosen: FeatureFiles) -> dict[str, Source]:
    """The features of every video in a folder or file: {video: Source}, sorted.

    The entry's folder does not count. Raises InputError where there is none, or where more than one layout
    is recognised.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; wanted the features of videos")
    fitting = {}
    for layout in tried(chosen):
        if parts := [found for found in held_by(layout, path, chosen).values() if found]:
            fitting[layout] = parts
    parts = fitting[only(fitting, path, chosen, "a video")]
    twice = [video for part in parts for video in part if sum(video in other for other in parts) > 1]
    if twice:
        raise InputError(f"{path}: features of {twice[0]} in train and in test; a video belongs to one split")
    return dict(sorted((video, source) for part in parts for video, source in part.items()))


def files_of(sources: Iterable[Source]) -> list[Path]:
    """The files that some videos' features lie in, each once."""
    return list(dict.fromkeys(file for source in sources for file in source.files))


def tried(chosen: FeatureFiles) -> list[str]:
    """The layouts that an entry leaves open."""
    return list(LAYOUTS) if chosen.layout == "auto" else [chosen.layout]


def only(fitting: dict, folder: Path, chosen: FeatureFiles, wanted: str) -> str:
    """The one layout that fits. Raises InputError where it is none or not the only one."""
    if len(fitting) > 1:
        raise InputError(
            f"{folder}: features in more than one layout, {' and '.join(fitting)}; keep one of them or, "
            "of a data set, name the one that is meant, `features: {layout: ...}` in its entry"
        )
    if not fitting:
        missing = "" if folder.exists() else "no such file or folder, so "
        layouts = " or ".join(tried(chosen))
        raise InputError(
            f"{folder}: {missing}no features of {wanted} in the layout {layouts} (docs/data.md); name the "
            "folder or file that has them, `features: {folder: ...}` in a data set's entry"
        )
    return next(iter(fitting))


def held_by(layout: str, folder: Path, chosen: FeatureFiles) -> dict[str, dict[str, Source]]:
    """What lies in a folder or file in one layout: {split, or "" where it says none: {video: Source}}."""
    if layout in SHARED:
        file = shared_file(layout, folder)
        return {"": in_file(layout, file, chosen)} if file else {}
    if folder.is_file():
        alone = layout == {".npy": "flat", ".npz": "npz"}.get(folder.suffix) and is_of_one_video(folder)
        return {"": {folder.stem: Source((folder,))}} if alone else {}
    held = {}
    for split in SPLITS if "{split}" in PATTERNS[layout][0] else ("",):
        videos = set.intersection(*map(names_like, own_files(layout, folder, split, "*")))
        held[split] = {video: Source(own_files(layout, folder, split, video)) for video in videos}
    if layout == "flat":  # files of two streams are no videos
        for video in held_by("flat_rgb_flow", folder, chosen)[""]:
            for stream in STREAMS:
                held[""].pop(f"{video}_{stream}")
    return held


def own_files(layout: str, folder: Path, split: str, video: str) -> tuple[Path, ...]:
    """The files of a video where a layout has files of its own for each."""
    return tuple(folder / pattern.format(split=split, video=video) for pattern in PATTERNS[layout])


def names_like(path: Path) -> set[str]:
    """What stands for the * in the names of the files like `path`, such as features/*_rgb.npy."""
    if not path.parent.is_dir():
        return set()
    ending = path.name.removeprefix("*")
    names = [found.name for found in path.parent.iterdir()]
    return {n.removesuffix(ending) for n in names if n.endswith(ending) and n != ending and n[0] != "."}


def shared_file(layout: str, folder: Path) -> Path | None:
    """The file that holds all videos: `folder` itself, `folder` with its ending, or the only one inside."""
    endings = SHARED[layout]
    if folder.is_dir():
        inside = [path for ending in endings for path in folder.glob(f"[!.]*{ending}")]
        return inside[0] if layout == "h5" and len(inside) == 1 else None
    beside = [folder, *(folder.with_name(folder.name + ending) for ending in endings)]
    found = [path for path in beside if path.suffix in endings and path.is_file()]
    if not found or (layout != "h5" and is_of_one_video(found[0])):
        return None
    return found[0]


def is_of_one_video(file: Path) -> bool:
    """Whether an .npy or .npz file holds one video's features and not those of many."""
    if file.suffix == ".npz":
        return any(ARRAY.fullmatch(name) for name in members(file))
    with damage(file), file.open("rb") as opened:
        return not npy_header(opened)[2].hasobject


def in_file(layout: str, file: Path, chosen: FeatureFiles) -> dict[str, Source]:
    """The videos in a file that they share, {video: Source}."""
    if layout == "wtalc":
        if not chosen.allow_pickle:
            raise InputError(f"{file}: {RISK}")
        names = names_file(file, chosen)
        return {video: Source((file, names), video) for video in listed(names)}
    keys = members(file) if layout == "npz_file" else data_sets(file)
    videos = [PurePosixPath(key).name for key in keys]
    for video, count in Counter(videos).items():
        if count > 1:
            raise InputError(f"{file}: {count} arrays called {video}; a video has one, remove the others")
    return {video: Source((file,), key) for video, key in zip(videos, keys, strict=True)}


def names_file(file: Path, chosen: FeatureFiles) -> Path:
    """The list of the videos in a joint file, in its order. Raises InputError where there is none."""
    if chosen.names:
        return file.parent / chosen.names
    found = [file.parent / NAMES, *sorted(file.parent.glob(f"*-Annotations/{NAMES}"))]
    found = [path for path in found if path.is_file()]
    if len(found) != 1:
        what = f"more than one {NAMES}" if found else f"no {NAMES}"
        raise InputError(
            f"{file}: {what} beside it, to list its videos in order; say `features: {{names: ...}}` in the "
            "data set's entry"
        )
    return found[0]


def listed(names: Path) -> list[str]:
    """The videos of a list, .npy or text with one a line. Raises InputError where one stands twice."""
    if names.suffix == ".npy":
        with damage(names), names.open("rb") as file:
            if npy_header(file)[2].hasobject:
                array = unpickled(file, names)
            else:
                file.seek(0)
                array = np.load(file)
        videos = [name.decode() if isinstance(name, bytes) else str(name) for name in array.ravel().tolist()]
    else:
        videos = [line.strip() for line in files.read_text(names).splitlines() if line.strip()]
    for video, count in Counter(videos).items():
        if count > 1:
            raise InputError(f"{names}: {video} stands {count} times; wanted once, correct the list")
    return videos


# Reading.


class Header(NamedTuple):
    """What an array is, and where it lies."""

    place: str
    shape: tuple[int, ...]
    dtype: np.dtype


def oriented(
    sources: dict[str, Source], chosen: FeatureFiles, shown: Set[bool] = frozenset()
) -> tuple[dict[str, Source], dict[str, tuple[int, int]]]:
    """The sources, each knowing whether its arrays are (T, D) or (D, T), and each video's shape (T, D).

    D is `chosen.width` or else the one size that all of these have in common; both streams of a video
    together. shown: the ways that others like them have, True for (D, T). Raises InputError where that is
    not one size, or where a video's two sides both have it and no other video shows the way.
    """
    given = {}  # {video: {by_columns: (T, D)}}
    for video, source in sources.items():
        given[video] = sides([checked(*what) for what in described(source)])
    width = chosen.width or common_width(sources, given)
    ways = {video: [way for way, (_, d) in found.items() if d == width] for video, found in given.items()}
    for video, found in ways.items():
        if not found:
            shape = given[video].get(False) or given[video][True][::-1]
            raise InputError(
                f"{sources[video]}: shape {shape}, but features here have {width} channels; "
                "say the right `width` or extract it again"
            )
    clear = shown | {found[0] for found in ways.values() if len(found) == 1}
    for video, found in ways.items():
        if len(found) > 1 and len(clear) != 1:
            raise InputError(
                f"{sources[video]}: {width} x {width}, and no other video of its split shows which side is "
                "time; add one that does, or leave it out"
            )
    way = {video: found[0] if len(found) == 1 else next(iter(clear)) for video, found in ways.items()}
    return (
        {video: source._replace(by_columns=way[video]) for video, source in sources.items()},
        {video: given[video][way[video]] for video in sources},
    )


def sides(streams: list[Header]) -> dict[bool, tuple[int, int]]:
    """What (T, D) a video has, if its arrays are (T, D): False, and if they are (D, T): True."""
    found = {}
    for by_columns in (False, True):
        lengths = [stream.shape[by_columns] for stream in streams]
        if max(lengths) - min(lengths) <= STREAM_TOLERANCE:
            found[by_columns] = min(lengths), sum(stream.shape[not by_columns] for stream in streams)
    if not found:
        said = " and ".join(f"{stream.place} has shape {stream.shape}" for stream in streams)
        raise InputError(f"{said}: of different lengths; extract both with the same stride")
    return found


def common_width(sources: dict[str, Source], given: dict[str, dict[bool, tuple[int, int]]]) -> int:
    """The one size that all of these have. Raises InputError where there is none, or more than one."""
    sizes = {video: {width for _, width in found.values()} for video, found in given.items()}
    common = set.intersection(*sizes.values())
    if len(common) == 1:
        return common.pop()
    if common:
        source = next(iter(sources.values()))
        said = f"{' or '.join(map(str, sorted(common)))} channels? All that decide it have both"
        raise InputError(f"{source}: {said}; say `features: {{width: ...}}` in the data set's entry")
    ways = Counter((way, d) for found in given.values() for way, (_, d) in found.items())
    (way, width), _ = ways.most_common(1)[0]
    like = next(v for v in sources if width in sizes[v])
    odd = next(v for v in sources if width not in sizes[v])
    own = given[odd].get(way) or next(iter(given[odd].values()))
    raise InputError(f"{sources[odd]}: {own[1]} channels, but {sources[like]} has {width}; extract it again")


def read(source: Source, chosen: FeatureFiles) -> tuple[np.ndarray, str]:
    """A video's features (T, D) of the type that they are stored in, and a sha256.

    The sha256 is that of its file or files one after the other or, where a file holds many videos, of its
    own values. Raises InputError where something is missing, damaged, no float, NaN or infinite, or where
    the width does not say which side is time.
    """
    if source.by_columns is None:
        source = oriented({"": source}, chosen)[0][""]
    checksum, streams = hashlib.sha256(), []
    for place, array in arrays(source, checksum):
        checked(place, array.shape, array.dtype)
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


def checked(place: str, shape: tuple[int, ...], dtype: np.dtype) -> Header:
    """What an array is. Raises InputError where it is no features."""
    if dtype.hasobject:
        raise InputError(f"{place}: a pickled array; save it as float32")
    if dtype.kind != "f":
        raise InputError(f"{place}: values of type {dtype}; wanted float32")
    if len(shape) != 2 or 0 in shape:
        raise InputError(f"{place}: shape {shape}; wanted (snippets, channels)")
    return Header(place, tuple(shape), dtype)


def described(source: Source) -> Iterator[tuple[str, tuple[int, ...], np.dtype]]:
    """The place, shape and type of a video's arrays, by their headers alone."""
    file, key = source.files[0], source.key
    if file.suffix == ".npz":
        with damage(file):
            for name in [key] if key else array_names(source, members(file)):
                with archive(file).open(f"{name}.npy") as opened:
                    shape, _, dtype = npy_header(opened)
                yield f"{file}: {name}", shape, dtype
    elif file.suffix == ".npy" and key is None:
        for path in source.files:
            with damage(path), path.open("rb") as opened:
                shape, _, dtype = npy_header(opened)
            yield str(path), shape, dtype
    else:
        with opened_arrays(source) as found:
            yield from ((place, array.shape, array.dtype) for place, array in found)


def arrays(source: Source, checksum) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of a video, each with its place; their bytes, or their files', go into the checksum."""
    if source.key is not None:
        with opened_arrays(source) as found:
            for place, array in found:
                values = np.asarray(array)
                checksum.update(np.ascontiguousarray(values))
                yield place, values
        return
    for path in source.files:
        with damage(path):
            content = path.read_bytes()
            checksum.update(content)
            if path.suffix == ".npy":
                yield str(path), parse_npy(content, path)
            else:
                with zipfile.ZipFile(io.BytesIO(content)) as opened:
                    for name in array_names(source, names_in(opened)):
                        place = f"{path}: {name}"
                        yield place, parse_npy(opened.read(f"{name}.npy"), place)


def digest(source: Source) -> str:
    """The sha256 of a video's part of a file that it shares. Raises InputError where that cannot be read."""
    checksum = hashlib.sha256()
    for _, array in arrays(source, checksum):
        checksum.update(f"{array.shape} {array.dtype}".encode())
    return checksum.hexdigest()


@contextmanager
def opened_arrays(source: Source) -> Iterator[list[tuple[str, object]]]:
    """The arrays of a video in a file that it shares, those of HDF5 not read yet, each with its place."""
    file, key = source.files[0], source.key
    if file.suffix == ".npy":
        names = listed(source.files[1])
        yield [(str(source), row_of(file, source.files[1], names, key))]
    elif file.suffix == ".npz":
        with damage(file):
            content = archive(file).read(f"{key}.npy")
            yield [(str(source), parse_npy(content, source))]
    else:
        with damage(file), h5py.File(file, "r") as opened:
            node = opened[key]
            if isinstance(node, h5py.Dataset):
                yield [(str(source), node)]
            else:
                names = array_names(source, list(node))
                yield [(f"{source}/{name}", node[name]) for name in names]


def array_names(place, names: list[str]) -> list[str]:
    """Of the arrays that a video's file or group has, its features: one, or rgb and flow."""
    found = [name for name in names if ARRAY.fullmatch(name)] or names
    by_stream = [[name for name in found if name.lower().endswith(stream)] for stream in STREAMS]
    if len(found) == 2 and all(len(own) == 1 for own in by_stream):
        return [name for own in by_stream for name in own]
    if len(found) != 1:
        said = ", ".join(found) or "nothing"
        raise InputError(f"{place}: holds {said}; wanted one array, or one of rgb and one of flow")
    return found


# The kinds of files.


@contextmanager
def damage(path):
    """Turn what goes wrong in reading a file into an InputError."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; put it there or take the video out of the split") from None
    except Exception as error:  # of damaged headers, even those of the tokenizer and of zipfile
        if getattr(error, "strerror", None):
            raise InputError(f"{path}: {error.strerror}") from None
        raise InputError(f"{path}: damaged or no {Path(path).suffix} file; copy it again") from None


def npy_header(file) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether by columns, and type of the array in an open .npy file, of which its data come next."""
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return header(file)


def parse_npy(content: bytes, place) -> np.ndarray:
    """The array of an .npy file, of its bytes, not copied. Raises what numpy does where there is none."""
    file = io.BytesIO(content)
    shape, by_columns, dtype = npy_header(file)
    checked(place, shape, dtype)
    flat = np.frombuffer(content, dtype, count=math.prod(shape), offset=file.tell())
    return flat.reshape(shape, order="F" if by_columns else "C")


def stamp(path: Path) -> tuple[int, int]:
    """What changes with a file's content: what is remembered of it then counts no more."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def archive(file: Path) -> zipfile.ZipFile:
    """An .npz file, opened once."""
    return opened_archive(file, stamp(file))


@lru_cache(maxsize=1)
def opened_archive(file: Path, _) -> zipfile.ZipFile:
    return zipfile.ZipFile(file)


def members(file: Path) -> list[str]:
    """The arrays in an .npz file, by name."""
    with damage(file), zipfile.ZipFile(file) as opened:
        return names_in(opened)


def names_in(opened: zipfile.ZipFile) -> list[str]:
    """The arrays in an open .npz file, by name."""
    return [name.removesuffix(".npy") for name in opened.namelist() if name.endswith(".npy")]


def data_sets(file: Path) -> list[str]:
    """The paths of the videos in an HDF5 file: data sets, or groups of a video's arrays alone."""
    with damage(file):
        return listed_data_sets(file, stamp(file))


@lru_cache(maxsize=8)
def listed_data_sets(file: Path, _) -> list[str]:
    def videos(group):
        for name, node in group.items():
            path = f"{group.name}/{name}".lstrip("/")
            if isinstance(node, h5py.Dataset) or (len(node) and all(map(ARRAY.fullmatch, node))):
                yield path
            else:
                yield from videos(node)

    with h5py.File(file, "r") as opened:
        return list(videos(opened))


# W-TALC's joint file: an array of objects, an array (T, D) each, in the order of a list of videos.


def row_of(file: Path, names_path: Path, names: list[str], video: str) -> np.ndarray:
    """A video's array in a joint file. Raises InputError where it and the list of its videos do not fit."""
    with damage(file):
        joint = opened_joint(file, stamp(file))
    if joint.shape != (len(names),):
        raise InputError(
            f"{file}: shape {joint.shape} of objects, but {names_path} lists {len(names)} videos; "
            "give the list that belongs to it"
        )
    row = joint[names.index(video)]
    if not isinstance(row, np.ndarray):
        raise InputError(f"{file}: {video}: {type(row).__name__}; wanted an array (snippets, channels)")
    return row


@lru_cache(maxsize=1)
def opened_joint(file: Path, _) -> np.ndarray:
    with file.open("rb") as opened:
        npy_header(opened)
        return unpickled(opened, file)


def unpickled(opened, place) -> np.ndarray:
    """The array of objects that an open .npy file holds, which stands at its data."""
    found = ArraysOnly(opened, place).load()
    if not isinstance(found, np.ndarray):
        raise InputError(f"{place}: no array but {type(found).__name__}; wanted one of arrays")
    return found


class ArraysOnly(pickle.Unpickler):
    """Makes numpy's arrays, types and numbers, and refuses everything else that a pickle may call."""

    ADMITTED = {  # noqa: RUF012
        "ndarray": np.ndarray,
        "dtype": np.dtype,
        "encode": codecs.encode,  # bytes, in older protocols
        "scalar": np.float64(0).__reduce__()[0],
        "_reconstruct": np.empty(0).__reduce__()[0],
        "_frombuffer": np.empty(0).__reduce_ex__(5)[0],
    }

    def __init__(self, file, place):
        super().__init__(file, encoding="latin1")  # what Python 2 has pickled
        self.place = place

    def find_class(self, module: str, name: str):
        """What a pickle asks for by name."""
        if module.partition(".")[0] in ("numpy", "_codecs") and name in self.ADMITTED:
            return self.ADMITTED[name]
        raise InputError(
            f"{self.place}: its pickle calls {module}.{name}, which no features need; do not trust this file"
        )
