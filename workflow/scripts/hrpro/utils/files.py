"""Reading and writing files: whole or not at all."""

import contextlib
import gc
import hashlib
import json
import os
import shutil
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from .errors import InputError


@contextlib.contextmanager
def atomic(path):
    """Yield a temporary path beside `path`; it takes the name `path` only if the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # the name must not outlive the content
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp is private; results are shared
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a full disk does not say what it had no place for
        raise


@contextlib.contextmanager
def flushing(handle: int):
    """Yield a function that begins to flush an open file to the disk, unless it is being flushed.

    So that at its end `atomic` has little to wait for. What goes wrong is raised by the next call, or at the
    end of the block.
    """
    flush_data = getattr(os, "fdatasync", os.fsync)  # macOS has the latter alone
    going = Future()
    going.set_result(None)

    def flush() -> None:
        nonlocal going
        if going.done():
            going.result()
            going = disk.submit(flush_data, handle)

    with ThreadPoolExecutor(max_workers=1) as disk:
        yield flush
        going.result()


@contextlib.contextmanager
def no_collection():
    """Let the garbage collector rest while millions of objects are made, none of them in a cycle."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def require_space(path, size: int) -> None:
    """Raise InputError where a file of `size` bytes has no place; HDF5 does not survive to say so itself."""
    folder = Path(path).parent
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size:
        raise InputError(
            f"{path}: {size / 1e6:.1f} MB, but {free / 1e6:.1f} MB are free; free some space and run again"
        )


def sha256(path) -> str:
    """The sha256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path, text: str) -> None:
    """Write `text` to `path` atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value, indent: int | None = None) -> None:
    """Write `value` as JSON to `path` atomically; NaN and infinity are refused (ValueError)."""
    write_text(path, json.dumps(value, indent=indent, allow_nan=False) + "\n")


def read_text(path) -> str:
    """The text of a file. Raises InputError where it is missing or not UTF-8."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")  # spreadsheets begin with a byte-order mark
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8 ({error}); save it as one") from None


def read_json(path, *keys: str):
    """The value of a JSON file. Raises InputError where it is missing, malformed or lacks one of the keys."""
    try:
        value = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {error.lineno}: not valid JSON ({error.msg}); correct it") from None
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            raise InputError(f'{path}: no "{key}"; remove the file and make it again')
    return value
