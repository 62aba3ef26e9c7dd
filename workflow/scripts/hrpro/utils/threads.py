"""How many threads a network runs on; without torch, since the workflow plans with it."""

MANY_CHANNELS = 256  # of features: from here on a second thread pays


def threads_that_pay(threads: int, width: int) -> int:
    """`threads`, or one where the features have few channels.

    On small matrix products further threads cost more than they save. width: the features' channels.
    """
    return threads if width >= MANY_CHANNELS else 1
