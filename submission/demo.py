"""The main job on synthetic recordings: five splits from recordings to a valid package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from baseline.challenge import SPLITS
from baseline.recipe import Recipe, load_recipe
from baseline.run import Run
from baseline.sample.dataset import write_sample
from deploy.table import format_table
from submission.package import package
from submission.pipeline import (
    Task,
    default_run_folder,
    default_store,
    evaluation_audio,
    evaluation_list,
    full_run,
)
from submission.team import load_team

TEAM = """\
# The human part of a submission; everything else is filled in from the runs.
label: Doe_TINY_task1_1
name: TinyScene demo
abbreviation: demo
authors:
  - lastname: Doe
    firstname: Jo
    email: jo.doe@example.org
    corresponding: true
    affiliation:
      abbreviation: TINY
      institute: Institute of Small Scenes
      department: null
      location: Nowhere, Utopia
"""


def run_demo(
    folder: Path, recipe_name: str, overrides: list[str], say: Callable[[str], None]
) -> str:
    """Write the sample dataset, run all stages for every split, package and validate.

    What is already there from an earlier, interrupted demo is used again.

    Returns:
        A summary with the paths of what was made.
    """
    recipe = load_recipe(recipe_name, overrides)
    data = folder / "recordings"
    if not data.exists():
        write_sample(data)
    runs = [_run_split(folder, data, recipe, split, say) for split in SPLITS]
    team = folder / "team.yaml"
    if not team.exists():
        team.write_text(TEAM, encoding="utf-8")
    archive = folder / "task1.zip"
    package(runs, load_team(team), archive, evaluation_list=evaluation_list(data), report=None)
    return summary(runs, archive)


def _run_split(
    folder: Path, data: Path, recipe: Recipe, split: int, say: Callable[[str], None]
) -> Run:
    say(f"--- split {split} %")
    out = default_run_folder(folder / "runs", recipe, split, seed=0)
    task = Task(data, default_store(data), out, recipe, split)
    return full_run(task, evaluation_audio(data), say)


def summary(runs: list[Run], archive: Path) -> str:
    """Accuracy of every system on every split, and where everything is."""
    systems = runs[0].evaluated_systems()
    rows = [
        [
            system,
            *(f"{100 * run.evaluation(system)['macro_accuracy']:.1f}" for run in runs),
        ]
        for system in systems
    ]
    last = runs[-1]
    return "\n".join(
        [
            "",
            "Macro accuracy in % on the sample's test split (synthetic sounds, a small recipe:",
            "it shows that the line works, not what the network reaches on TAU)",
            "",
            format_table(["system", *(f"{run.split} %" for run in runs)], rows),
            "",
            f"submission  {archive}  (validated)",
            *(f"int8        {run.model_file('tflite-int8')}" for run in runs),
            f"int8 ONNX   {last.model_file('onnx-int8')}  (one in every run)",
            f"pictures    {last.plots}  (one such folder in every run)",
        ]
    )
