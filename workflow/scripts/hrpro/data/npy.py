"""Writing arrays as .npy files."""

import io

import numpy as np

from ..utils import files


def write(path, array: np.ndarray) -> None:
    """Write an array to `path` atomically.

    numpy makes the bytes and Python writes them: where the machine refuses, numpy does not say why.
    """
    content = io.BytesIO()
    np.save(content, array)
    with files.atomic(path) as temporary:
        temporary.write_bytes(content.getbuffer())
