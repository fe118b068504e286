"""The verbs of what a training needs: recordings, recipes, published weights."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.command_line import (
    MAX_SEED,
    MAX_WORKERS,
    OVER,
    WITHIN,
    Parser,
    Verbs,
    add_verb,
    say,
    whole_number,
)


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of this file."""
    data = verbs.add_parser("data", help="get, check and prepare recordings")
    kinds = data.add_subparsers(metavar="VERB", required=True)
    _add_data_sample(kinds)
    _add_data_fetch(kinds)
    _add_data_check(kinds)
    _add_data_prepare(kinds)
    add_verb(verbs, "recipes", recipes, "print the recipes that come along", "")
    _add_weights(verbs)


def _add_data_sample(verbs: Verbs) -> None:
    sample = add_verb(verbs, "sample", data_sample, "write a small synthetic dataset", "OUT")
    sample.add_argument("folder", type=Path, metavar="OUT")
    sample.add_argument("--seed", type=whole_number(0, MAX_SEED), default=0)


def data_sample(options: argparse.Namespace) -> None:
    from baseline.sample.dataset import write_sample

    write_sample(options.folder, seed=options.seed)
    say(f"wrote {options.folder}: synthetic recordings, not TAU (see NOTICE.txt)")


def _add_data_fetch(verbs: Verbs) -> None:
    fetch = add_verb(verbs, "fetch", data_fetch, "download TAU 2022 Mobile and its lists", "OUT")
    fetch.add_argument("folder", type=Path, metavar="OUT")
    fetch.add_argument("--accept-licence", action="store_true", help="do not ask")


def data_fetch(options: argparse.Namespace) -> None:
    from baseline.fetch import fetch

    fetch(options.folder, accept_licence=options.accept_licence)


def _add_data_check(verbs: Verbs) -> None:
    checking = add_verb(verbs, "check", data_check, "list every problem of a dataset", "DIR")
    checking.add_argument("folder", type=Path, metavar="DIR")
    checking.add_argument("--lists-only", action="store_true", help="leave the audio unread")


def data_check(options: argparse.Namespace) -> int:
    from baseline.dataset_check import check_dataset, format_problems

    problems = check_dataset(options.folder, audio=not options.lists_only)
    say(format_problems(problems))
    return OVER if problems else WITHIN


def _add_data_prepare(verbs: Verbs) -> None:
    prepare = add_verb(verbs, "prepare", data_prepare, "decode and resample all clips once", "DIR")
    prepare.add_argument("folder", type=Path, metavar="DIR")
    prepare.add_argument("--store", type=Path, help="where to (default: DIR/prepared)")
    prepare.add_argument("--front-end", default="dcase2024", help="whose rate to resample to")
    prepare.add_argument(
        "--workers", type=whole_number(1, MAX_WORKERS), help="processes (default: one a core)"
    )


def data_prepare(options: argparse.Namespace) -> None:
    from baseline.clips import read_dataset
    from baseline.store import prepare
    from deploy.frontend import front_end
    from submission.pipeline import default_store

    rate_hz = front_end(options.front_end).rate_hz
    folder = options.store or default_store(options.folder)
    store = prepare(read_dataset(options.folder), folder, rate_hz=rate_hz, workers=options.workers)
    say(f"{store.folder}: {len(store.clips):,} clips at {store.rate_hz} Hz")


def recipes(options: argparse.Namespace) -> None:
    from baseline.recipe import load_recipe, recipe_names, save_recipe

    for name in recipe_names():
        say(f"# {name}\n{save_recipe(load_recipe(name))}")


def _add_weights(verbs: Verbs) -> None:
    listing = add_verb(verbs, "weights", weights, "list published weights", "")
    kinds = listing.add_subparsers(metavar="VERB", parser_class=Parser)
    fetching = add_verb(kinds, "fetch", weights_fetch, "download published weights", "passt_fms_1")
    fetching.add_argument("name", metavar="NAME", help="as tinyscene weights lists it")
    fetching.add_argument(
        "--folder", type=Path, help="default: TINYSCENE_WEIGHTS, or ~/.cache/tinyscene/weights"
    )


def weights(options: argparse.Namespace) -> None:
    from baseline.weights import format_published

    say(format_published())


def weights_fetch(options: argparse.Namespace) -> None:
    from baseline.weights import default_folder, fetch, find

    path = fetch(find(options.name), options.folder or default_folder())
    say(f"{path}: {path.stat().st_size:,} bytes")
