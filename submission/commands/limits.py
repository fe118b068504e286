"""The verbs of the complexity limits."""

from __future__ import annotations

import argparse
import json

from deploy.command_line import OVER, WITHIN, Verbs, add_verb, say


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of this file."""
    _add_check(verbs)
    _add_models(verbs)


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"found '{text}', expected whole numbers such as 1,1,256,65"
        ) from error


def _add_check(verbs: Verbs) -> None:
    checking = add_verb(verbs, "check", check, "count parameters, bytes and MACs", "baseline2024")
    checking.add_argument(
        "target", help="a run, recipe, network, .onnx or .tflite file, or module:function"
    )
    checking.add_argument("--precision", choices=("fp32", "fp16", "int8"))
    checking.add_argument("--input-shape", type=_shape, help="such as 1,1,256,65")
    checking.add_argument("--json", action="store_true")


def check(options: argparse.Namespace) -> int:
    from submission.budget import render, resolve, to_json

    budget = resolve(options.target, precision=options.precision, input_shape=options.input_shape)
    say(json.dumps(to_json(budget), indent=2) if options.json else render(budget))
    return WITHIN if budget.within_limits else OVER


def _add_models(verbs: Verbs) -> None:
    listing = add_verb(
        verbs, "models", models, "list the networks and the precision they fit at", ""
    )
    listing.add_argument("--json", action="store_true")


def models(options: argparse.Namespace) -> None:
    from submission.model_list import list_models, render

    listed = list_models()
    say(json.dumps([row.to_dict() for row in listed], indent=2) if options.json else render(listed))
