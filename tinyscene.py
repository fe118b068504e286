"""The command `tinyscene`: the door to the verbs, which live beside what they call.

Nothing heavy is imported before a verb is called, so that help is instant and a Raspberry Pi needs
neither torch nor pandas.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from deploy import commands as device
from deploy.command_line import BAD_INPUT, STOPPED, WITHIN, Parser, fail
from deploy.errors import InputError
from deploy.mcu import commands as mcu
from submission.commands import data, limits, packages, runs, training

DOUBLE_VERBS = ("mcu test", "mcu report", "bench compare", "package init")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        0 for success, 1 where a check fails, 2 for bad input, 130 when stopped by Ctrl-C.
    """
    try:
        options = build_parser().parse_args(_with_double_verbs(arguments))
        _require_one_process(options)
        return options.verb(options) or WITHIN
    except InputError as error:
        return fail(str(error), BAD_INPUT)
    except ModuleNotFoundError as error:
        return fail(
            f"this verb needs the package {error.name}; run: pip install 'tinyscene[export]'",
            BAD_INPUT,
        )
    except BrokenPipeError:  # the reader, such as head, has seen enough
        sys.stdout = None
        return WITHIN
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return fail(f"{place}{error.strerror or error}; check the path and the disk.", BAD_INPUT)
    except MemoryError:
        return fail("the memory is not enough for this; ask for less at a time.", BAD_INPUT)
    except KeyboardInterrupt:
        return fail("stopped; start the same command again to go on.", STOPPED)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = Parser(
        prog="tinyscene",
        description="From a folder of recordings to a valid DCASE Task 1 submission that runs.",
        epilog="example: tinyscene run --data DATA --split 5",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for room in (data, training, runs, limits, device, mcu, packages):
        room.add_verbs(verbs)
    return parser


def _with_double_verbs(arguments: Sequence[str] | None) -> list[str]:
    """`mcu test DIR` as the verb 'mcu test', beside `mcu MODEL`, which argparse cannot tell."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    double = " ".join(words[:2])
    return [double, *words[2:]] if double in DOUBLE_VERBS else words


def _require_one_process(options: argparse.Namespace) -> None:
    several = os.environ.get("WORLD_SIZE", "1") != "1" and "TORCHELASTIC_RUN_ID" in os.environ
    if several and not options.shared_by_processes:
        raise InputError(
            f"torchrun: found the verb '{options.verb.__name__}', expected 'train', the only one "
            "that several processes can share; start this one without torchrun."
        )


def entry_point() -> None:
    """What the installed command runs."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - as long as the process
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            # A file's name need not be text, nor a terminal know every letter.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main())


if __name__ == "__main__":
    entry_point()
