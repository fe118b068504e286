"""The verbs of a microcontroller."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from deploy.command_line import OVER, WITHIN, Verbs, add_verb, say
from deploy.errors import InputError


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of this file."""
    _add_mcu(verbs)
    _add_mcu_test(verbs)
    _add_mcu_report(verbs)
    _add_estimate(verbs)


def _add_board_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="written by tinyscene mcu")
    parser.add_argument("--board", help="such as mps2-an386, or host (default: the target's)")
    parser.add_argument("--toolchain", choices=("gcc", "zig"), help="default: gcc if installed")


def _add_mcu(verbs: Verbs) -> None:
    example = "MODEL.tflite --out DIR"
    making = add_verb(verbs, "mcu", mcu, "compile an int8 .tflite file into C", example)
    making.add_argument("model", type=Path, metavar="MODEL", help="full-int8 .tflite file")
    making.add_argument("--out", type=Path, metavar="DIR", help="where the C project goes")
    making.add_argument("--target", default="cortex-m4", help="processor, or generic")
    making.add_argument("--rounding", choices=("exact", "fast"), default="exact")


def mcu(options: argparse.Namespace) -> None:
    from deploy.mcu.plan_text import plan_table
    from deploy.mcu.project import write_project

    if options.out is None:
        raise InputError(f"{options.model}: expected --out DIR, where the C project goes; add it.")
    target, rounding = options.target, options.rounding
    plan = write_project(options.model, options.out, target=target, rounding=rounding)
    say(plan_table(plan))
    say(f"{options.out}: C99 for {target}, {rounding} rounding; see its README.md")


def _add_mcu_test(verbs: Verbs) -> None:
    testing = add_verb(verbs, "mcu test", mcu_test, "run a C project, compare with TFLM", "DIR")
    _add_board_options(testing)


def mcu_test(options: argparse.Namespace) -> int:
    from deploy.mcu.machines import machine
    from deploy.mcu.project import open_project
    from deploy.mcu.verification import verify

    project = open_project(options.folder)
    checks = verify(project, machine(options.board or project.board, options.toolchain))
    for check in checks:
        say(f"{'ok  ' if check.passed else 'FAIL'}  {check.name}: {check.found}")
    return WITHIN if all(check.passed for check in checks) else OVER


def _add_mcu_report(verbs: Verbs) -> None:
    reporting = add_verb(verbs, "mcu report", mcu_report, "flash, RAM, instructions", "DIR")
    _add_board_options(reporting)
    reporting.add_argument("--json", action="store_true")


def mcu_report(options: argparse.Namespace) -> None:
    from deploy.mcu.machines import EmulatedBoard, machine
    from deploy.mcu.project import open_project
    from deploy.mcu.report import format_cost, measure

    project = open_project(options.folder)
    name = options.board or project.board
    chosen = machine(name, options.toolchain)
    if not isinstance(chosen, EmulatedBoard):
        raise InputError(f"--board {name}: counts nothing; give one that is emulated.")
    cost = measure(project, chosen)
    say(json.dumps(cost.to_json(), indent=2) if options.json else format_cost(cost))


def _add_estimate(verbs: Verbs) -> None:
    example = "MODEL.tflite --npu ethos-u55-128"
    guessing = add_verb(
        verbs, "estimate", estimate, "what an Ethos-U NPU would make of it", example
    )
    guessing.add_argument("model", type=Path, metavar="MODEL", help="full-int8 .tflite file")
    guessing.add_argument("--npu", required=True, help="ethos-u55-128, -u65-256 or -u85-256")
    guessing.add_argument("--json", action="store_true")


def estimate(options: argparse.Namespace) -> None:
    from deploy.mcu.estimate import estimate as ask_vela
    from deploy.mcu.estimate import format_estimate

    found = ask_vela(options.model, options.npu)
    if options.json:
        say(json.dumps(found.to_json(), indent=2))
    else:
        say(format_estimate(options.model, found))
