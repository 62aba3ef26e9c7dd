"""What a user can get wrong, said in one line."""

import errno
import sys

from . import progress

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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
    except OSError as error:
        if error.errno not in FULL:
            raise
        progress.log.error("%s; free some space and run again", error)
        sys.exit(1)
    except Exception:
        progress.log.exception("a fault of hrpro's own; please report it with these lines")
        sys.exit(1)
