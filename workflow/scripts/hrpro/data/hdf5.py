"""HDF5 files: opening them, which other files a user's ones need, and whether all of it is there.

HDF5 reads what is not there as zeros, without a word: chunks that were never written, the sources of virtual
data sets, external storage that is too short.
"""

import contextlib
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import h5py
import numpy as np

from ..grid import Grid
from ..utils import errors
from ..utils.errors import InputError
from ..utils.names import listed
from ..utils.progress import log

# What h5py and what reads of it raise on a file that is damaged, or another program's.
DAMAGED = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


def open_file(file) -> h5py.File:
    """An HDF5 file to read, without HDF5's lock, which not every file system has.

    Raises InputError where another program has it open for writing, or ended before it closed it.
    """
    try:
        return h5py.File(file, "r", locking=False)
    except OSError as error:
        if "already open for" in str(error):
            raise InputError(
                f"{file}: another program writes to it, or ended before it closed it; wait until it has, or "
                "clear the mark that it left: h5clear -s FILE"
            ) from None
        raise


class Reader:
    """Reads an HDF5 file of hrpro's, a data set per video; a context manager. videos: names, sorted."""

    MADE_BY: ClassVar[str]  # its script
    UNREADABLE: ClassVar[str]  # what is said of a damaged one, and of another program's; with {reason}

    def __init__(self, path):
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file; make it with {self.MADE_BY}")
        self.path = path
        with self.readable():
            self.file = open_file(path)
            self.videos = sorted(self.file)

    @contextlib.contextmanager
    def readable(self) -> Iterator[None]:
        """Turn what h5py raises on a damaged file, or on another program's, into an InputError."""
        try:
            yield
        except DAMAGED as error:
            reason = damage_of(error, self.path)
            raise InputError(f"{self.path}: {self.UNREADABLE.format(reason=reason)}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


class ScoredReader(Reader):
    """Reads a file with what `describe` says: also classes, and grid, that of the snippets."""

    def __init__(self, path):
        super().__init__(path)
        with self.readable():
            self.classes = json.loads(self.file.attrs["classes"])
            self.grid = Grid(**json.loads(self.file.attrs["grid"]))


class Output(io.FileIO):
    """The file under an HDF5 file that is written, and the first error of it.

    HDF5 crashes after an error of a write or a truncation. So none is raised, and what is written from then
    on is lost.
    """

    error = None

    def write(self, data) -> int:
        """Write all of it; a raw file may stop before its end."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and self.error is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return size

    def truncate(self, size: int | None = None) -> int | None:
        """Set the file's size, as HDF5 does at its end."""
        try:
            if self.error is None:
                return super().truncate(size)
        except OSError as error:
            self.error = error
        return size


class NewFile(h5py.File):
    """An HDF5 file of 1.10's format, in which all but data and texts of variable length has a checksum."""

    def __init__(self, output: Output):
        super().__init__(output, "w", libver="v110")
        self.output = output

    def add(self, name: str, values: np.ndarray) -> h5py.Dataset:
        """Write an array, a chunk with a checksum. Raises OSError where the machine has refused to write."""
        chunk = {"chunks": values.shape, "fletcher32": True} if values.size else {}  # a chunk cannot be empty
        data = self.create_dataset(name, data=values, **chunk)
        if self.output.error is not None:
            raise self.output.error
        return data


@contextlib.contextmanager
def create(path) -> Iterator[NewFile]:
    """A new HDF5 file, likewise: nobody else writes to it, for it has a temporary name (files.atomic).

    Write arrays by `add` and texts by `text`. Raises OSError where the machine refuses to write.
    """
    with Output(path, "w+") as output:
        with NewFile(output) as file:
            yield file
        if output.error is not None:
            raise output.error


def describe(file: NewFile, classes: list[str], grid: Grid) -> None:
    """Say at the root of a file whose classes and snippets it holds, as ScoredReader reads it."""
    file.attrs["classes"] = text(json.dumps(classes))
    facts = {"frames": grid.frames, "fps": grid.fps, "window": grid.window}
    file.attrs["grid"] = text(json.dumps(facts))


def text(value: str) -> np.bytes_:
    """A text as an attribute that has a checksum; it reads as bytes."""
    return np.bytes_(value.encode())


def damage_of(error: Exception, path) -> str:
    """What is wrong with a file by what h5py raises. Raises InputError where the machine refuses."""
    if isinstance(error, OSError) and error.errno is not None:
        raise InputError(f"{path}: {errors.reason(error)}") from None
    return str(error).splitlines()[0]


def require_all(data: h5py.Dataset, place) -> None:
    """Raise InputError where parts of a data set are not there, so that they would read as zeros."""
    folder = Path(data.file.filename).parent
    if data.shape is None:
        raise InputError(f"{place}: no values; extract it again")
    if data.is_virtual:
        sources = data.virtual_sources()
        if sum(source.vspace.get_select_npoints() for source in sources) < math.prod(data.shape):
            raise InputError(f"{place}: parts of this virtual data set have no source; extract it again")
        for source in sources:
            if source.file_name == ".":
                require_source(data.file, source, place)
                continue
            path = folder / source.file_name
            if not path.is_file():
                raise InputError(f"{place}: its values lie in {path}: no such file; put it there")
            with open_file(path) as opened:
                require_source(opened, source, place)
    elif data.external:
        for name, offset, size in data.external:
            path = Path(name)  # HDF5 itself takes it from the working directory
            needed = offset + (data.nbytes if size == h5py.h5f.UNLIMITED else size)
            if not path.is_file() or path.stat().st_size < needed:
                raise InputError(
                    f"{place}: its values lie in {path}, which is missing or cut short; put it there"
                )
    elif data.id.get_space_status() != h5py.h5d.SPACE_STATUS_ALLOCATED:
        raise InputError(f"{place}: parts of it were never written; extract it again")


def require_source(file: h5py.File, source, place) -> None:
    """As `require_all`, of a source of a virtual data set."""
    data = file.get(source.dset_name)
    within = f"{file.filename}: {source.dset_name}"
    if not isinstance(data, h5py.Dataset):
        raise InputError(f"{place}: its values lie in {within}, which is missing; put it there")
    bounds = source.src_space.get_select_bounds() if source.src_space.shape else ((), ())
    if any(last >= size for last, size in zip(bounds[1], data.shape, strict=False)):
        raise InputError(f"{place}: its values lie in {within}, which is too short; extract it again")
    require_all(data, f"{place}: {within}")


def linked_files(file: Path) -> list[Path]:
    """The other files that a file's values lie in: of external links, virtual data sets, external storage."""
    linked, remaining = [], [file]
    while remaining:
        with open_file(remaining.pop()) as opened:
            for path in links_of(opened):
                if path not in linked and path != file:
                    linked.append(path)
                    if path.is_file() and h5py.is_hdf5(path):
                        remaining.append(path)
    return linked


def links_of(group: h5py.Group, above: tuple[h5py.Group, ...] = ()) -> Iterator[Path]:
    """The other files that a group's own members need; above: the groups that lead to it."""
    folder = Path(group.file.filename).parent
    for name in names_in(group):
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            yield folder / link.filename
            continue
        node = node_of(group, name)
        if isinstance(node, h5py.Group) and node not in (*above, group):
            yield from links_of(node, (*above, group))
        elif isinstance(node, h5py.Dataset):
            if node.is_virtual:
                names = (source.file_name for source in node.virtual_sources())
                yield from (folder / name for name in names if name != ".")
            yield from (Path(name) for name, _, _ in node.external or ())


def names_in(group: h5py.Group) -> list[str]:
    """The names of a group's members, but for those that are not in UTF-8, by which h5py finds nothing."""
    return [name for name in group if isinstance(name, str)]


def node_of(group: h5py.Group, name: str) -> h5py.HLObject | None:
    """A member of a group; None where it is a link to what is not there, or to itself."""
    try:
        return group.get(name)
    except (OSError, RuntimeError):
        if not isinstance(group.get(name, getlink=True), h5py.SoftLink):
            raise
        return None


def nodes_of(
    group: h5py.Group, file, above: tuple[h5py.Group, ...] = ()
) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    """The members of a group that are groups or data sets.

    above: the groups that lead to it. Those whose names are not in UTF-8 are left out with a warning. Raises
    InputError where one is a link to what is not there, or to a group that it lies in.
    """
    if others := [repr(name)[1:] for name in group if isinstance(name, bytes)]:
        log.warning("%s: left out what is called %s, which is not in UTF-8; rename it", file, listed(others))
    folder = Path(group.file.filename).parent
    for name in names_in(group):
        link = group.get(name, getlink=True)
        path = folder / link.filename if isinstance(link, h5py.ExternalLink) else None
        is_pipe = path is not None and path.exists() and not path.is_file()  # HDF5 would wait for it
        node = None if is_pipe else node_of(group, name)
        if node is None:
            to = f"{link.filename}: {link.path}" if isinstance(link, h5py.ExternalLink) else link.path
            raise InputError(f"{file}: {name}: a link to {to}, which is not there; put it there")
        if node in (*above, group):
            raise InputError(f"{file}: {name}: a link to a group that it lies in; remove it")
        if not isinstance(node, h5py.Datatype):
            yield name, node
