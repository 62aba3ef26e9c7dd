"""What a user can get wrong, said in one line."""

import sys


class InputError(Exception):
    """A fault in what the user gave: the message names the file, the place in it and the remedy."""


def run(main) -> None:
    """Call a script's `main`; an InputError ends it with its one line on stderr and exit code 1."""
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
