"""What a user can get wrong, said in one line."""

import sys

from . import progress


class InputError(Exception):
    """A fault in what the user gave: the message names the file, the place in it and the remedy."""


def run(main) -> None:
    """Call a script's `main`; an InputError ends it with one line on stderr and in its log, exit code 1."""
    progress.start()
    try:
        main()
    except InputError as error:
        progress.log.error("%s", error)
        sys.exit(1)
