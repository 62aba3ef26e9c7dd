"""Feature files for tests, written directly."""

from pathlib import Path

import h5py
import numpy as np

from hrpro.data.features import FORMAT_VERSION
from hrpro.data.moments import Moments
from hrpro.grid import Grid


def write_features(path: Path, arrays: dict[str, np.ndarray], grid: Grid) -> Path:
    """Write the features (T, D) of some videos, as those of a training split."""
    moments = Moments(next(iter(arrays.values())).shape[1])
    with h5py.File(path, "w") as file:
        for video, array in sorted(arrays.items()):
            moments.add(array.astype(np.float32))
            file.create_dataset(video, data=array.astype(np.float32), chunks=array.shape, fletcher32=True)
            file[video].attrs["sha256"] = video
        file.attrs.update(
            format_version=FORMAT_VERSION,
            width=len(moments.mean),
            by_columns=[False],
            snippet_frames=grid.frames,
            snippet_window=grid.window,
            snippet_fps=float(grid.fps),
            mean=moments.mean,
            deviation=moments.deviation,
        )
    return path
