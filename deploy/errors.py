"""The one exception for wrong input."""


class InputError(Exception):
    """What the user gave cannot be used.

    The message is one sentence: what is wrong, where, what was found, what was expected and what
    to do. The command line prints it and exits with code 2.
    """
