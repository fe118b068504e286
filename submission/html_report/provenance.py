"""Where the figures come from: recipes, runs, versions, machines, commands."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from baseline.recipe import save_recipe
from submission.html_report.collect import Collected
from submission.html_report.parts import Code, Group, Part, Section, Table
from submission.html_report.words import NONE
from submission.results.scored_runs import Result


def provenance_section(found: Collected) -> Section:
    """Everything needed to make the runs again."""
    lead = "The same recipe, seed and machine give the same weights."
    columns = ["run", "recipe", "commit", "processor", "versions", "split", "seed"]
    rows = [_run(run) for run in found.results.runs]
    parts: list[Part] = [Table("Runs", columns, rows, words=5)]
    for recipe in found.results.recipes:
        runs = found.results.of(recipe)
        commands = "\n".join(_command(run) for run in runs)
        parts.append(
            Group(
                recipe,
                [
                    Code(f"{recipe}.yaml, the resolved recipe", save_recipe(runs[0].recipe)),
                    Code(f"Commands that train and score it from {recipe}.yaml", commands),
                ],
                folded=True,
            )
        )
    return Section("provenance", "How to reproduce this", lead, parts)


def _run(run: Result) -> list[str]:
    record = run.run.record
    machine = _mapping(record.get("machine"))
    versions = {"python": machine.get("python"), **_mapping(record.get("versions"))}
    return [
        run.name,
        run.recipe.name,
        str(record.get("commit") or NONE),
        str(machine.get("processor") or NONE),
        ", ".join(f"{name} {version}" for name, version in versions.items() if version) or NONE,
        f"{run.split} %",
        str(run.seed),
    ]


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _command(run: Result) -> str:
    words = ["tinyscene", "run", "--recipe", f"{run.recipe.name}.yaml", "--data", run.data]
    words += ["--split", str(run.split), "--seed", str(run.seed)]
    if run.teachers:
        words += ["--teachers", run.teachers]
    return shlex.join(words)
