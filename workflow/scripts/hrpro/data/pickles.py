"""Unpickling arrays of arrays without calling anything that a pickle names.

numpy's own constructors are powerful: an array of objects over a buffer of bytes takes them for addresses. So
none of them is called with what a file says. Stand-ins record it, and the arrays are built of the bytes that
are there, floats alone.
"""

import math
import mmap
import pickle
import pickletools

import numpy as np

from ..utils.errors import InputError

FLOATS = ("f2", "f4", "f8")
ORDERS = ("<", ">", "=")
# All that a pickle of an array of arrays, of text or of numbers consists of, in any protocol.
OPCODES = """
    PROTO FRAME STOP MARK GLOBAL STACK_GLOBAL REDUCE BUILD NONE NEWTRUE NEWFALSE INT BININT BININT1
    BININT2 LONG LONG1 FLOAT BINFLOAT TUPLE EMPTY_TUPLE TUPLE1 TUPLE2 TUPLE3 LIST EMPTY_LIST APPEND
    APPENDS STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES
    SHORT_BINBYTES BINBYTES8 BYTEARRAY8 PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET
""".split()  # noqa: SIM905
PUTS = ("PUT", "BINPUT", "LONG_BINPUT")


def unpickle(file, place) -> np.ndarray:
    """The array of objects that an open .npy file holds, positioned at its data.

    Its elements are arrays of floats, text, bytes or numbers. Raises InputError on anything else, and what
    `pickle` does on a damaged file.
    """
    start = file.tell()
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:  # reads no more than there is
        content.seek(start)
        check(content, place)
        content.seek(start)
        array, size = ArraysOnly(content, place).load(), len(content)
    if not isinstance(array, Array):
        raise InputError(f"{place}: not an array but {type(array).__name__}; expected an array of arrays")
    objects = array.of_objects(place)
    if sum(value.nbytes for value in objects.flat if isinstance(value, np.ndarray)) > size:
        raise InputError(f"{place}: its arrays are larger than the file; do not trust this file")
    return objects


def check(content, place) -> None:
    """Raise InputError where a pickle holds more than arrays, ValueError where a size is a lie.

    pickle itself would take memory for as much as an opcode says.
    """
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name not in OPCODES:
            raise InputError(
                f"{place}: its pickle holds more than arrays ({opcode.name}); save it as an array of arrays"
            )
        if opcode.name in PUTS and int(argument) > count:
            raise ValueError(f"place {argument} of what is put aside")


class DType:
    """What stands in for numpy.dtype: the type's name and its order of bytes."""

    def __init__(self, name, *_):
        self.name, self.order = name, "="

    def __setstate__(self, state):
        self.order = state[1]


class Array:
    """What stands in for an array: what its pickle says of it."""

    def __init__(self, shape=(), dtype=None, by_columns=False, content=None):
        self.shape, self.dtype, self.by_columns, self.content = shape, dtype, by_columns, content

    def __setstate__(self, state):
        _, self.shape, self.dtype, self.by_columns, self.content = state

    def size(self, place) -> int:
        """The number of elements. Raises InputError where the shape is none."""
        if type(self.shape) is not tuple or not all(type(n) is int and n >= 0 for n in self.shape):
            raise InputError(f"{place}: an array of shape {self.shape!r:.40}; copy it again")
        return math.prod(self.shape)

    def of_objects(self, place) -> np.ndarray:
        """The outer array, whose elements are no arrays of objects themselves."""
        name = getattr(self.dtype, "name", None)
        if name not in ("O", "O8") or type(self.content) is not list or self.by_columns:
            raise InputError(f"{place}: pickled, but not an array of objects; save it as float32")
        if self.size(place) != len(self.content):
            raise InputError(f"{place}: shape {self.shape}, but {len(self.content)} objects; copy it again")
        array = np.empty(len(self.content), dtype=object)
        for row, value in enumerate(self.content):
            array[row] = value.of_floats(f"{place}: array {row + 1}") if isinstance(value, Array) else value
        return array.reshape(self.shape)

    def of_floats(self, place) -> np.ndarray:
        """An inner array, of the bytes that are there, not copied."""
        name, order = getattr(self.dtype, "name", None), getattr(self.dtype, "order", None)
        if name not in FLOATS or order not in ORDERS:
            raise InputError(f"{place}: values of type {name!r:.20}; expected float32")
        dtype = np.dtype(f"{order}{name}")
        content = self.content
        if isinstance(content, str):  # of Python 2, or an older protocol
            content = content.encode("latin1")
        if not isinstance(content, bytes | bytearray) or self.size(place) * dtype.itemsize != len(content):
            raise InputError(f"{place}: shape {self.shape} does not fit its bytes; copy it again")
        return np.frombuffer(content, dtype).reshape(self.shape, order="F" if self.by_columns else "C")


class ArraysOnly(pickle.Unpickler):
    """Makes stand-ins of arrays, and refuses everything else that a pickle may call."""

    def __init__(self, file, place):
        super().__init__(file, encoding="latin1")  # what Python 2 has pickled
        self.place = place

    def find_class(self, module: str, name: str):
        """What a pickle asks for by name."""
        calls = {
            "ndarray": lambda *_: self.refuse(module, name),  # named by all arrays, called by none
            "dtype": DType,
            "encode": lambda text, _: text,  # bytes, in older protocols; encoded where they are used
            "_reconstruct": lambda *_: Array(),
            "_frombuffer": lambda content, dtype, shape, order: Array(shape, dtype, order == "F", content),
        }
        if module.partition(".")[0] in ("numpy", "_codecs") and name in calls:
            return calls[name]
        return self.refuse(module, name)

    def refuse(self, module: str, name: str):
        """Raise InputError."""
        raise InputError(
            f"{self.place}: its pickle calls {module}.{name}, which no features need; do not trust this file"
        )
