"""The verbs that train: one run, a matrix of them, students of teachers, the demo."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.allocator import keep_memory
from deploy.command_line import (
    MAX_SEED,
    MAX_WORKERS,
    OVER,
    WITHIN,
    Verbs,
    add_verb,
    listed,
    number,
    say,
    whole_number,
)

if TYPE_CHECKING:
    from submission.pipeline import Task

SPLITS = (5, 10, 25, 50, 100)
MAX_VIEWS = 64
RUNS = Path("runs")


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of this file."""
    _add_run(verbs)
    _add_train(verbs)
    _add_matrix(verbs)
    _add_teach(verbs)
    _add_demo(verbs)


def _add_task_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="dataset folder")
    parser.add_argument("--split", type=int, required=True, choices=SPLITS)
    parser.add_argument("--recipe", default="baseline2024", help="name or YAML file")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=whole_number(0, MAX_SEED), default=0)
    parser.add_argument("--store", type=Path, help="prepared clips (default: DATA/prepared)")
    parser.add_argument("--out", type=Path, help="run folder (default: runs/...)")
    parser.add_argument("--over-budget", action="store_true", help="train beyond the limits too")
    parser.add_argument("--teachers", type=Path, help="logits to learn from; see: tinyscene teach")
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard events")


def _split(text: str) -> int:
    if text not in map(str, SPLITS):
        raise argparse.ArgumentTypeError(
            f"found '{text}', expected some of {', '.join(map(str, SPLITS))}"
        )
    return int(text)


def _add_run(verbs: Verbs) -> None:
    example = "--data DATA --split 5"
    whole = add_verb(verbs, "run", run, "all stages for one split", example)
    _add_task_options(whole)
    whole.add_argument("--audio", type=Path, help="folder of the evaluation set's recordings")
    whole.add_argument("--float-only", action="store_true", help="leave quantising out")


def run(options: argparse.Namespace) -> None:
    keep_memory()
    from submission.pipeline import evaluation_audio, full_run

    task = _task(options)
    evaluation = options.audio or evaluation_audio(task.data)
    finished = full_run(task, evaluation, say)
    say(f"run: {finished.folder}")


def _add_train(verbs: Verbs) -> None:
    example = "--data DATA --split 5"
    training = add_verb(verbs, "train", train, "train one split", example)
    training.set_defaults(shared_by_processes=True)
    _add_task_options(training)


def train(options: argparse.Namespace) -> None:
    keep_memory()
    from baseline.processes import told_once
    from submission.pipeline import train_run

    say_once = told_once(say)
    trained, _, _ = train_run(_task(options), say_once)
    say_once(f"run: {trained.folder}")


def _task(options: argparse.Namespace) -> Task:
    from baseline.recipe import load_recipe
    from submission.pipeline import Task, default_run_folder, default_store

    recipe = load_recipe(options.recipe, options.set)
    folder = default_run_folder(RUNS, recipe, options.split, options.seed)
    return Task(
        data=options.data,
        store=options.store or default_store(options.data),
        out=options.out or folder,
        recipe=recipe,
        split=options.split,
        seed=options.seed,
        over_budget=options.over_budget,
        tensorboard=options.tensorboard,
        teachers=options.teachers,
        float_only=getattr(options, "float_only", False),
    )


def _add_matrix(verbs: Verbs) -> None:
    example = "--data DATA --splits 5,25 --seeds 5 --recipes small,student --teachers teachers"
    crossing = add_verb(verbs, "matrix", matrix, "recipes x splits x seeds, each run once", example)
    crossing.add_argument("--data", type=Path, required=True, help="dataset folder")
    crossing.add_argument("--recipes", type=listed(str), required=True, metavar="A,B")
    crossing.add_argument("--splits", type=listed(_split), default=list(SPLITS), metavar="5,10")
    crossing.add_argument(
        "--seeds", type=whole_number(1, 1000), default=5, help="how many, from 0 on"
    )
    crossing.add_argument("--teachers", type=Path, help="folder of splitN.npz for students")
    crossing.add_argument("--float-only", action="store_true", help="leave quantising out")
    crossing.add_argument("--over-budget", action="store_true", help="for teachers")
    crossing.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    crossing.add_argument("--store", type=Path, help="prepared clips (default: DATA/prepared)")
    crossing.add_argument("--out", type=Path, default=RUNS, help="folder of all runs")
    crossing.add_argument(
        "--workers",
        type=whole_number(1, MAX_WORKERS),
        help="runs at a time (default: as many as fit)",
    )
    crossing.add_argument("--ray", metavar="HOST:PORT", help="run on this Ray cluster")


def matrix(options: argparse.Namespace) -> int:
    from submission.matrix import Matrix, run_matrix

    wanted = Matrix(
        data=options.data,
        out=options.out,
        recipes=tuple(options.recipes),
        splits=tuple(options.splits),
        seeds=tuple(range(options.seeds)),
        store=options.store,
        teachers=options.teachers,
        overrides=tuple(options.set),
        float_only=options.float_only,
        over_budget=options.over_budget,
    )
    failures = run_matrix(wanted, options.workers, say, ray=options.ray)
    for cell, reason in failures.items():
        say(f"matrix: {cell} {reason}")
    return OVER if failures else WITHIN


def _add_teach(verbs: Verbs) -> None:
    example = "RUN... --out teachers/split25.npz"
    teaching = add_verb(verbs, "teach", teach, "write runs' logits for students", example)
    teaching.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    teaching.add_argument("--out", type=Path, required=True, metavar="FILE")
    teaching.add_argument("--weights", type=number(0, 1e6), nargs="+", help="one a run")
    teaching.add_argument("--split", type=int, choices=SPLITS, help="default: the first run's")
    teaching.add_argument(
        "--views", type=whole_number(1, MAX_VIEWS), default=1, help="rolls of a clip"
    )
    teaching.add_argument(
        "--outside-data", action="store_true", help="allow teachers of clips outside the split"
    )


def teach(options: argparse.Namespace) -> None:
    keep_memory()
    from baseline.run import open_run
    from deploy.files import require_replaceable
    from submission.pipeline import teach_from

    require_replaceable(options.out)
    runs = [open_run(folder) for folder in options.runs]
    taught = teach_from(
        runs,
        options.weights or [1.0] * len(runs),
        options.out,
        split=options.split,
        views=options.views,
        outside_data=options.outside_data,
    )
    clips, views, _ = taught.logits.shape
    say(f"{options.out}: split {taught.split}, {clips:,} clips, views: {views}")


def _add_demo(verbs: Verbs) -> None:
    showing = add_verb(verbs, "demo", demo, "the whole line on synthetic recordings", "")
    showing.add_argument("folder", type=Path, nargs="?", default=Path("demo"), metavar="OUT")
    showing.add_argument("--recipe", default="demo")
    showing.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")


def demo(options: argparse.Namespace) -> None:
    keep_memory()
    from submission.demo import run_demo

    say(run_demo(options.folder, options.recipe, options.set, say))
