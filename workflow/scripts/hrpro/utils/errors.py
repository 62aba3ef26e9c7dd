"""Errors a user can cause, and how a script ends."""

import errno
import os
import resource
import sys
import threading
import time

from . import interruption, progress
from .input_error import InputError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_ROOM = ("can't allocate memory", "out of memory")  # in torch's RuntimeErrors: the machine's, and a GPU's


def reason(error: OSError) -> str:
    """Why the machine refuses, without what a library adds to it."""
    return os.strerror(error.errno)


def refused(error: OSError) -> str:
    """What the machine refuses and why, in one line."""
    remedy = "; free some space and run again" if error.errno in FULL else ""
    place = error.filename or "the machine"
    if error.filename is None and error.errno == errno.ENOENT:
        place, remedy = "the working directory", "; go to one that is there and run again"
    return f"{place}: {reason(error)}{remedy}"


def lacks_memory(error: Exception) -> bool:
    """Whether Python, or torch, has not got the memory that it asked for."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in NO_ROOM)
    )


def cost(began: float) -> str:
    """The time since `began` and what this process has used of the processor and of memory, for the log."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    peak = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)  # bytes there, kB elsewhere
    seconds = time.monotonic() - began
    processor = usage.ru_utime + usage.ru_stime
    return f"took {seconds:.1f} s, {processor:.1f} s of processor time, {peak:.0f} MB at most"


def in_thread(failure) -> None:
    """Say why a thread has ended; the machine's errors are raised again where its work is waited for."""
    if not (isinstance(failure.exc_value, OSError) and failure.exc_value.errno is not None):
        threading.__excepthook__(failure)


def run(main) -> None:
    """Call a script's `main`. What goes wrong ends it with exit code 1, on stderr and in its log.

    One line for an InputError and for what the machine refuses, such as room on the disk or in memory; a
    traceback for what should not happen.
    """
    if hasattr(sys.stdout, "reconfigure"):  # neither closed nor another program's
        sys.stdout.reconfigure(errors="backslashreplace")  # a name may not be in the terminal's alphabet
    progress.start()
    threading.excepthook = in_thread
    began = time.monotonic()
    try:
        interruption.watch_work()
        main()
        progress.log.info("%s", cost(began))
    except InputError as error:
        progress.log.error("%s", error)
        sys.exit(1)
    except KeyboardInterrupt:
        progress.log.error(interruption.WORDS)
        sys.exit(interruption.CODE)
    except BrokenPipeError:  # who reads the output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if lacks_memory(error):
            progress.log.error("not enough memory; close other programs or take a machine with more")
        elif isinstance(error, OSError) and error.errno is not None:
            progress.log.error("%s", refused(error))
        else:
            progress.log.exception("a fault of hrpro's own; please report it with these lines")
        sys.exit(1)
