"""The error on what a user gave; how a script ends with it is in errors.py."""


class InputError(Exception):
    """A fault in what the user gave: the message names the file, the place in it and the remedy."""
