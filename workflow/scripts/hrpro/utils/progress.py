"""How a step speaks: plain lines in its log file, a bar or the same lines in the terminal."""

import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from .files import require_output

log = logging.getLogger("hrpro")
LINE_EVERY = 10.0  # seconds between progress lines
LONG = 12 * 3600  # seconds from which a warning says beforehand how long it will take


class LogFile(logging.FileHandler):
    """A log file; one that cannot be written any more, of a full disk say, ends with a warning elsewhere."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say it once in place of a traceback per line; the step goes on."""
        log.removeHandler(self)
        log.warning("%s: %s; the log ends here", self.baseFilename, sys.exc_info()[1])


def start(path=None) -> None:
    """Send what a step logs to the file `path`, and warnings and errors to stderr.

    Raises InputError where `path` cannot be an output.
    """
    log.setLevel(logging.INFO)
    for level in (logging.INFO, logging.WARNING, logging.ERROR):
        logging.addLevelName(level, logging.getLevelName(level).lower())
    log.handlers.clear()
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setLevel(logging.WARNING)
    terminal.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    log.addHandler(terminal)
    if path and str(path) != os.devnull:
        require_output(path)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        file = LogFile(path, mode="w", encoding="utf-8", errors="backslashreplace")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(file)


def track(
    items: Iterable,
    total: int | None,
    name: str,
    status: dict | None = None,
    done: int = 0,
    remedy: str = "",
) -> Iterator:
    """Pass `items` on with a bar in a terminal and, every few seconds, a line in the log.

    total: None where it is not known. `status`: figures shown with it; the caller changes them as it
    goes. done: of `total`, before these. remedy: what makes it faster, for a warning where it takes LONG.
    """
    began = said = time.monotonic()
    terminal = sys.stderr.isatty()
    with tqdm(total=total, initial=done, desc=name, disable=not terminal, leave=False) as bar:
        for count, item in enumerate(items, done + 1):
            yield item
            bar.update()
            now = time.monotonic()
            left = (now - began) / (count - done) * (total - count) if total else 0
            if remedy and left > LONG and now - began >= LINE_EVERY:
                log.warning("%s: about %.0f hours left; %s", name, left / 3600, remedy)
                remedy = ""  # said once
            if now - said >= LINE_EVERY or count == total:
                said = now
                figures = "".join(f"  {key} {value:.4g}" for key, value in (status or {}).items())
                bar.set_postfix_str(figures)
                of = "" if total is None else f"/{total}"
                estimate = f", {left:.0f} s left" if left else ""
                log.info("%s %d%s  %.0f s%s%s", name, count, of, now - began, estimate, figures)
