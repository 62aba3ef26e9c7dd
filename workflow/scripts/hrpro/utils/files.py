"""Reading and writing files: whole or not at all."""

import contextlib
import contextvars
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from .input_error import InputError

NO_SPACE = 2**16  # bytes free, under which a disk is full
waiting = contextvars.ContextVar("waiting", default=None)  # what `together` gives its names at its end


@contextlib.contextmanager
def atomic(path):
    """Yield a temporary path beside `path`; it takes the name `path` only if the block succeeds.

    Raises InputError where `path` cannot be an output.
    """
    path = Path(path)
    require_output(path)
    folders = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = open_temporary(path)
    except OSError as error:
        remove_empty(folders)
        raise OSError(error.errno, error.strerror, str(path)) from None
    others = waiting.get()
    keep = False
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # the name must not outlive the content
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # it was private; results are shared
        keep = others is not None
        if keep:
            others.append((handle, temporary, path, folders))
        else:
            temporary.replace(path)
    except BaseException as error:
        full = shutil.disk_usage(path.parent).free < NO_SPACE
        temporary.unlink(missing_ok=True)
        remove_empty(folders)
        if isinstance(error, OSError | RuntimeError):
            raise with_reason(error, temporary, path, full=full) from None
        raise
    finally:
        if not keep:
            os.close(handle)


@contextlib.contextmanager
def together():
    """Files that the block writes take their names at its end; if it fails, none of them does.

    Where one cannot take its name, those that have taken theirs are removed. A block within another one
    ends with that one.
    """
    if waiting.get() is not None:
        yield
        return
    written, named = [], []
    token = waiting.set(written)
    try:
        yield
        for _, _, path, _ in written:
            require_output(path)
        for _, temporary, path, _ in written:
            try:
                temporary.replace(path)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(path)) from None
            named.append(path)
        named = []
    finally:
        waiting.reset(token)
        for path in named:
            path.unlink()
        for handle, temporary, *_ in written:
            temporary.unlink(missing_ok=True)
            os.close(handle)
        for *_, folders in written:
            remove_empty(folders)


def remove_empty(folders: list[Path]) -> None:
    """Remove those of some folders, the innermost first, that are empty, or were never made."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def open_temporary(path: Path) -> tuple[int, Path]:
    """A temporary file beside `path`, open and locked: one that a killed process has left is used again.

    Another one where a second process writes the same file, or where the file system has no locks.
    """
    temporary = path.with_name(f".{path.name}.unfinished")
    while True:
        try:
            handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            break
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another process is writing it
            os.close(handle)
            break
        except OSError:  # no locks here
            os.close(handle)
            temporary.unlink(missing_ok=True)
            break
        with contextlib.suppress(FileNotFoundError):
            if temporary.stat().st_ino == os.fstat(handle).st_ino:
                os.truncate(handle, 0)
                return handle, temporary
        os.close(handle)  # another process has finished it meanwhile
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    return handle, Path(name)


def with_reason(error: OSError | RuntimeError, temporary: Path, path: Path, *, full: bool) -> Exception:
    """An error in writing `path` with the reason and the path, which numpy and HDF5 leave out.

    temporary: what it was called meanwhile, of which nobody knows; full: whether the disk was.
    """
    number = getattr(error, "errno", None)
    if number is None and (match := re.search(r"errno = (\d+)", str(error))):
        number = int(match[1])
    if number is None and full:
        number = errno.ENOSPC
    if number is None:
        return error
    named = getattr(error, "filename", None) or path
    return OSError(number, os.strerror(number), str(path if Path(os.fsdecode(named)) == temporary else named))


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


def require_space(path, size: int) -> None:
    """Raise InputError where a file of `size` bytes has no place; HDF5 does not survive to say so itself."""
    folder = Path(path).parent
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size:
        raise InputError(
            f"{path}: {size / 1e6:.1f} MB, but {free / 1e6:.1f} MB are free; free some space and run again"
        )


def require_output(path) -> None:
    """Raise InputError where a path cannot be an output.

    It is no file's name, the command line gives it twice, as that of an input say, or it leads to a folder, a
    device or a pipe, which a file must not take the place of.
    """
    if not Path(path).name:
        raise InputError(f"an output is called {str(path)!r}; expected the name of a file")
    path = Path(path)
    arguments = [each.partition("=")[2] if each.startswith("--") else each for each in sys.argv[1:]]
    if sum(leads_to(argument, path) for argument in arguments if argument) > 1:
        raise InputError(f"{path}: stands twice on the command line; give the output a name of its own")
    for folder in path.parents:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{path}: {folder} is not a folder; name a file in one")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it")
    if path.exists():
        require_regular(path, remedy="an output has to be a file, name another one")


def leads_to(argument: str, path: Path) -> bool:
    """Whether an argument of a command line is the path of a file."""
    try:
        return Path(argument).samefile(path)
    except (OSError, ValueError):  # one of them is not there
        return Path(argument).absolute() == path.absolute()


def is_taken(path: Path) -> bool:
    """Whether a path leads to anything, or is a link to what is not there."""
    return path.exists() or path.is_symlink()


def require_regular(path, remedy: str = "copy what it holds to one") -> None:
    """Raise InputError where a path leads to what may never end, a device or a pipe, and to no file."""
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise InputError(f"{path}: not a regular file; {remedy}")


def sha256(path) -> str:
    """The sha256 of a file's content. Raises InputError where it is no regular file."""
    require_regular(path)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path, text: str) -> None:
    """Write `text` to `path` atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value, indent: int | None = None) -> None:
    """Write `value` as JSON to `path` atomically; NaN and infinity are refused (ValueError)."""
    write_text(path, json.dumps(value, indent=indent, allow_nan=False) + "\n")


@contextlib.contextmanager
def open_text(path):
    """Open a file of text to read. Raises InputError where it is missing, not a regular file or not UTF-8."""
    try:
        require_regular(path)
        with open(path, encoding="utf-8-sig") as file:  # spreadsheets begin with a byte-order mark
            yield file
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8 ({error}); save it as one") from None


def read_text(path) -> str:
    """The text of a file. Raises InputError as `open_text` does."""
    with open_text(path) as file:
        return file.read()


def whole_number(text: str) -> int | float:
    """The number that digits stand for; infinity past all floats, where Python may refuse to read them."""
    return int(text) if len(text) < 300 else float(text)


def json_decoder(place) -> json.JSONDecoder:
    """A decoder that refuses what JSON's readers take in silence: a key that stands twice in one object.

    place: of the text, for the InputError.
    """

    def unique(pairs: list[tuple]) -> dict:
        value = dict(pairs)
        if len(value) < len(pairs):
            keys = [key for key, _ in pairs]
            raise stands_twice(place, next(key for row, key in enumerate(keys) if key in keys[:row]))
        return value

    return json.JSONDecoder(object_pairs_hook=unique, parse_int=whole_number)


def stands_twice(place, key: str) -> InputError:
    """The error on a key that stands twice."""
    return InputError(f"{place}: {key!r} stands twice in one object; join the two or remove one")


def not_json(place, line: int, message: str) -> InputError:
    """The error on malformed JSON."""
    return InputError(f"{place}: line {line}: not valid JSON ({message}); correct it")


def nested_too_deep(place) -> InputError:
    """The error on JSON that Python cannot read."""
    return InputError(f"{place}: lists or objects nested too deep; correct it")


def parse_json(text: str, place):
    """The value of a JSON text. Raises InputError, with the text's place, where it is malformed."""
    try:
        return json_decoder(place).decode(text)
    except json.JSONDecodeError as error:
        raise not_json(place, error.lineno, error.msg) from None
    except RecursionError:
        raise nested_too_deep(place) from None


def read_json(path, *keys: str):
    """The value of a JSON file. Raises InputError where it is missing, malformed or lacks one of the keys."""
    value = parse_json(read_text(path), path)
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            raise InputError(
                f'{path}: no "{key}"; another file is meant or, if hrpro has made it, '
                "remove the file and make it again"
            )
    return value
