"""Starting programs that are to be stopped."""

import signal


def hear_ctrl_c() -> None:
    """For `preexec_fn`: tests run in the background ignore Ctrl-C, which children inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
