"""Unpickling arrays of objects without running what a pickle may hold beside them."""

import codecs
import pickle

import numpy as np

from ..utils.errors import InputError


def unpickle(file, place) -> np.ndarray:
    """The array of objects that an open .npy file holds, positioned at its data. Raises InputError."""
    content = ArraysOnly(file, place).load()
    if not isinstance(content, np.ndarray):
        raise InputError(f"{place}: not an array but {type(content).__name__}; expected an array of arrays")
    return content


class ArraysOnly(pickle.Unpickler):
    """Makes numpy's arrays, types and numbers, and refuses everything else that a pickle may call."""

    ALLOWED = {  # noqa: RUF012
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
        if module.partition(".")[0] in ("numpy", "_codecs") and name in self.ALLOWED:
            return self.ALLOWED[name]
        raise InputError(
            f"{self.place}: its pickle calls {module}.{name}, which no features need; do not trust this file"
        )
