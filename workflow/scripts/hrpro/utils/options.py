"""Types for argparse: numbers with bounds, those of the configuration, lists of names, what goes together."""

import argparse
import csv
from collections.abc import Callable

from .errors import InputError
from .names import LARGEST, clean


def between(least: int, most: int) -> Callable[[str], int]:
    """What reads a number from `least` to `most`."""

    def whole_number(text: str) -> int:
        if not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text}: expected a number from {least} to {most}")
        return int(text)

    return whole_number


def number(least: float, most: float) -> Callable[[str], float]:
    """What reads a number, decimals and all, from `least` to `most`."""

    def decimal_number(text: str) -> float:
        if not least <= float(text) <= most:
            raise argparse.ArgumentTypeError(f"{text}: expected a number from {least:g} to {most:g}")
        return float(text)

    return decimal_number


seed = between(0, 10**9 - 1)
threads = between(1, 1024)
batch = between(1, 10**6)
unit = number(0, 1)
seconds = number(0, LARGEST)


def path(text: str) -> str:
    """A path; an empty one, of a shell variable without a value, say, would be the working directory."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; expected a path")
    return text


def names(text: str) -> list[str]:
    """Names as a line of CSV: a,b or, where one has a comma, "a, 1",b."""
    try:
        [cells] = csv.reader([text], skipinitialspace=True)
    except csv.Error as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}; expected names, a,b") from None
    return [clean(cell) for cell in cells if clean(cell)]


def require_one(args: argparse.Namespace, *names: str) -> None:
    """Raise InputError unless just one of some options has a value."""
    if sum(bool(getattr(args, name)) for name in names) != 1:
        raise InputError(f"{', '.join(f'--{name}' for name in names)}: expected one of them")
