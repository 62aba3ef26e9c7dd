"""Digests of what a data set's own files say, per split: they decide what runs again when a file changes.

A digest is of the contents alone, so that neither a touch, another place nor another layout of the same data
changes it. Reading gigabytes takes a while, so the digests of files are remembered for as long as a file's
size and times of change stay.
"""

import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from ..utils import files
from ..utils.errors import InputError
from ..utils.planned import digest, stat_of
from . import layouts, readers
from .readers import Source

MEMORY = Path(".snakemake/sources.json")  # of the digests, where the workflow runs
FEW, LARGE = 100, 1e9  # files, and bytes, whose reading is worth a line to the user


class FileDigests:
    """The sha256 of files and of parts of files, remembered in the JSON file `memory`."""

    def __init__(self, memory: Path = MEMORY):
        self.memory = memory

    def of(self, units: Iterable[str | Path | Source]) -> list[str]:
        """The digest of each file or part of a file, in their order. Raises FileNotFoundError."""
        units = list(units)
        known = self.recall()
        paths = {unit: unit.files[0] if isinstance(unit, Source) else Path(unit) for unit in units}
        stats = {path: stats_of(path) for path in set(paths.values())}
        new = [u for u, path in paths.items() if known.get(str(u), [None])[0] != stats[path]]
        if new:
            announce({paths[unit]: stats[paths[unit]][0][0] for unit in new})
            with ThreadPoolExecutor() as pool:
                digests = zip(new, pool.map(digest_of, new), strict=True)
                known |= {str(unit): [stats[paths[unit]], sha256] for unit, sha256 in digests}
            with suppress(OSError):  # results that may only be read are planned all the same
                files.write_json(self.memory, known)
        return [known[str(unit)][1] for unit in units]

    def recall(self) -> dict[str, list]:
        """What the memory holds, {file or part: [stats, sha256]}; what cannot be used is made again."""
        if self.memory.is_dir():
            raise InputError(f"{self.memory}: is a folder, where hrpro keeps a file; remove it")
        if not self.memory.is_file():
            return {}
        try:
            remembered = json.loads(self.memory.read_text())
            if all(map(is_entry, remembered.values())):
                return remembered
        except (OSError, ValueError, AttributeError, RecursionError):
            pass
        print(f"{self.memory}: of no use; dropped and made again", file=sys.stderr, flush=True)
        return {}

    def of_features(self, sources: dict[str, Source]) -> str:
        """The digest of the features of some videos: of their files, or of their parts of a shared one.

        Of W-TALC's joint file it is that of the whole: to look into it would unpickle it.
        """
        units = {video: [s] if s.is_part else list(s.files) for video, s in sources.items()}
        every = list(dict.fromkeys(unit for parts in units.values() for unit in parts))
        digests = dict(zip(every, self.of(every), strict=True))
        return digest([[v, [digests[u] for u in units[v]], sources[v].key] for v in sorted(sources)])


def announce(sizes: dict[Path, int]) -> None:
    """Say that many or large files are read, {path: bytes}; nothing of a few small ones."""
    if len(sizes) > FEW or sum(sizes.values()) > LARGE:
        size = sum(sizes.values()) / 1e9
        print(f"reading {size:.1f} GB to know what is in them", file=sys.stderr, flush=True)


def digest_of(unit: str | Path | Source) -> str:
    """The sha256 of a file, or of a part of one."""
    return readers.digest(unit) if isinstance(unit, Source) else files.sha256(unit)


def is_entry(entry) -> bool:
    """Whether a value of the memory is one that `of` has written."""
    return isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str)


def stats_of(path: Path) -> list[list[int]]:
    """What changes with a file's content, and with that of each file that it links to."""
    return [stat_of(path), *(stat_of(linked) for linked in readers.files_behind(path)[1:])]


def files_behind(sources: dict[str, Source]) -> list[Path]:
    """The files that the features of some videos are read from, those that they link to included."""
    return [path for file in layouts.files_of(sources.values()) for path in readers.files_behind(file)]
