"""The verbs of a submission package and its rules."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from deploy.command_line import OVER, WITHIN, Verbs, add_verb, say
from deploy.errors import InputError

if TYPE_CHECKING:
    from baseline.run import Run
    from submission.team import Team

YEARS, DEFAULT_YEAR = (2024, 2025), 2024


def add_verbs(verbs: Verbs) -> None:
    """Add the verbs of this file."""
    _add_package(verbs)
    _add_package_init(verbs)
    _add_paper(verbs)
    _add_validate(verbs)
    _add_rules(verbs)


def _add_package(verbs: Verbs) -> None:
    example = "RUN5 RUN10 RUN25 RUN50 RUN100 --team team.yaml --out task1.zip"
    packing = add_verb(verbs, "package", package, "write a validated submission zip", example)
    packing.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="five a system; or an unzipped package"
    )
    packing.add_argument("--team", type=Path, help="YAML about the authors; see: package init")
    packing.add_argument("--out", type=Path, required=True, metavar="ZIP")
    packing.add_argument("--list", type=Path, help="evaluation list, if not the official one")
    reports = packing.add_mutually_exclusive_group()
    reports.add_argument("--report", type=Path, help="technical report, PDF; see: paper")
    reports.add_argument("--draft-report", action="store_true", help="as paper drafts it")


def package(options: argparse.Namespace) -> None:
    from baseline.run import open_run
    from submission.package import is_unzipped_package, repackage
    from submission.package import package as write_package
    from submission.team import load_team

    if len(options.runs) == 1 and is_unzipped_package(options.runs[0]):
        repackage(options.runs[0], options.out, evaluation_list=options.list)
        say(f"{options.out}: valid")
        return
    if options.team is None:
        raise InputError("package: expected --team FILE; make one with: tinyscene package init")
    runs, team = [open_run(folder) for folder in options.runs], load_team(options.team)
    with TemporaryDirectory() as folder:
        drafted = _draft_report(runs, team, Path(folder)) if options.draft_report else None
        report = options.report or drafted
        write_package(runs, team, options.out, evaluation_list=options.list, report=report)
    say(f"{options.out}: valid")


def _draft_report(runs: Sequence[Run], team: Team, folder: Path) -> Path:
    from submission.systems import group_systems
    from submission.technical_report.report import write_technical_report

    return write_technical_report(group_systems(runs), team, folder)


def _add_package_init(verbs: Verbs) -> None:
    beginning = add_verb(
        verbs, "package init", package_init, "write a team.yaml to fill in", "RUN..."
    )
    beginning.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="of the systems")
    beginning.add_argument("--out", type=Path, default=Path("team.yaml"), metavar="FILE")


def package_init(options: argparse.Namespace) -> None:
    from baseline.run import open_run
    from deploy.files import write_text
    from submission.systems import group_systems
    from submission.team_form import Answers, ask, team_form

    if options.out.exists():
        raise InputError(f"{options.out}: is there already; edit it, or choose another --out.")
    systems = group_systems([open_run(folder) for folder in options.runs])
    answers = ask(input) if sys.stdin and sys.stdin.isatty() else Answers()
    write_text(options.out, team_form(answers, [runs[0].recipe.name for runs in systems]))
    say(f"{options.out}: replace every FILL-IN in it")


def _add_paper(verbs: Verbs) -> None:
    summary = "draft the technical report as PDF, with its source"
    drafting = add_verb(verbs, "paper", paper, summary, "RUN... --team team.yaml --out report")
    drafting.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="five a system")
    drafting.add_argument("--team", type=Path, required=True, help="YAML about the authors")
    drafting.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new or empty")


def paper(options: argparse.Namespace) -> None:
    from baseline.run import open_run
    from submission.systems import group_systems
    from submission.team import load_team
    from submission.technical_report.report import write_technical_report

    systems = group_systems([open_run(folder) for folder in options.runs])
    say(str(write_technical_report(systems, load_team(options.team), options.out)))


def _add_validate(verbs: Verbs) -> None:
    validating = add_verb(verbs, "validate", validate, "list every fault of a package", "task1.zip")
    validating.add_argument("package", type=Path, metavar="ZIP")
    validating.add_argument("--list", type=Path, help="evaluation list, if not the official one")
    validating.add_argument("--runs", type=Path, nargs="*", default=[], metavar="RUN")
    validating.add_argument("--year", type=int, choices=YEARS, default=DEFAULT_YEAR)
    validating.add_argument("--json", action="store_true", help="one JSON object")


def validate(options: argparse.Namespace) -> int:
    from baseline.run import open_run
    from submission.rules.fault_report import format_json
    from submission.rules.faults import format_faults, is_valid
    from submission.validate import validate as find_faults

    runs = [open_run(folder) for folder in options.runs]
    faults = find_faults(
        options.package, evaluation_list=options.list, runs=runs, year=options.year
    )
    if options.json:
        say(format_json(options.package, options.year, faults))
    else:
        say(format_faults(faults))
    return WITHIN if is_valid(faults) else OVER


def _add_rules(verbs: Verbs) -> None:
    ruling = add_verb(verbs, "rules", rules, "print the rules of a submission", "--year 2025")
    ruling.add_argument("--year", type=int, choices=YEARS, help="only of this year")
    ruling.add_argument("--json", action="store_true")


def rules(options: argparse.Namespace) -> None:
    from submission.rules.catalogue_text import format_rules, rules_as_json

    say(rules_as_json(options.year) if options.json else format_rules(options.year))
