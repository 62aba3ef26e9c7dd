"""Ctrl-C while a script imports what it needs: one line, as when it works."""

import os
import signal
import sys
from pathlib import Path

WORDS = "interrupted; run again"
CODE = 128 + signal.SIGINT
COMMANDS = ("hrpro-predict", "hrpro-label")  # of pyproject.toml


def is_script() -> bool:
    """Whether what runs is a script of this project, and not a program that imports it."""
    program = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
    beside_package = Path(__file__).resolve().parents[2]
    return program.stem in COMMANDS or program.resolve().parent == beside_package


def end_at_once(*_) -> None:
    """End the process: an exception would pass through libraries that are half imported."""
    os.write(2, f"error: {WORDS}\n".encode())
    os._exit(CODE)


def watch_imports() -> None:
    """From here on Ctrl-C ends a script at once, unless whoever started it has turned it off."""
    if is_script() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end_at_once)


def watch_work() -> None:
    """From here on it raises KeyboardInterrupt, for which there is something to clean up."""
    if signal.getsignal(signal.SIGINT) is end_at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)
