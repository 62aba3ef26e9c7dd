"""Stage 2's candidates of a split's videos in one HDF5 file: what stage 3 scores once more.

The file: /<video>, (N, 5) float64, start and end in seconds, the class's number, stage 1's score and the
completeness, or (N, 4) without it; at the root the classes and the snippets' grid.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from ..detection.fusion import Candidates
from ..detection.segments import segments
from ..grid import Grid
from ..utils import files
from . import hdf5


def write(
    path, videos: Iterable[tuple[str, Candidates]], *, classes: list[str], grid: Grid
) -> Iterator[tuple[str, Candidates]]:
    """Write the candidates of each video, in turn, and hand them on; the file is there after the last."""
    with files.atomic(path) as temporary, hdf5.create(temporary) as output:
        hdf5.describe(output, classes, grid)
        for video, candidates in videos:
            of_video, completeness = candidates
            columns = [of_video.times, of_video.labels, of_video.scores]
            columns += [] if completeness is None else [completeness]
            output.add(video, np.column_stack(columns))
            yield video, candidates


class CandidateFile(hdf5.ScoredReader):
    """Reads a file of `write`; a context manager. videos: names, sorted; grid: that of the snippets."""

    MADE_BY = "detect_stage2.py"
    UNREADABLE = "damaged, or not a file of candidates of hrpro ({reason}); remove it and run again"

    def read_each(self) -> Iterator[tuple[str, Candidates]]:
        """The candidates of each video, in turn."""
        for video in self.videos:
            with self.readable():
                columns = self.file[video][:]
                of_video = segments(columns[:, :2], columns[:, 2], columns[:, 3])
                completeness = columns[:, 4] if columns.shape[1] > 4 else None
            yield video, Candidates(of_video, completeness)
