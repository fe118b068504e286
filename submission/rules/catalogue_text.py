"""The table of rules for people and for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict

from baseline.challenge import YEARS, Year
from deploy.table import format_table
from submission.rules.catalogue import RULES, Rule, rules_of

WIDTH = 100


def format_rules(year: int | None) -> str:
    """What each year, or one of them, asks for, and a row a rule."""
    years = [year] if year else list(YEARS)
    rows = [
        [code, rule.severity, ", ".join(map(str, rule.years)), rule.text]
        for code, rule in _chosen(year).items()
    ]
    about = [line for number in years for line in _about(number, YEARS[number])]
    return "\n".join([*about, "", format_table(["code", "severity", "years", "rule"], rows)])


def rules_as_json(year: int | None) -> str:
    """The same as a JSON object of `years` and `rules`."""
    years = {str(number): asdict(YEARS[number]) for number in ([year] if year else YEARS)}
    rules = [{"code": code, **rule._asdict()} for code, rule in _chosen(year).items()]
    return json.dumps({"years": years, "rules": rules}, indent=2, ensure_ascii=False)


def _chosen(year: int | None) -> dict[str, Rule]:
    return rules_of(year) if year else RULES


def _about(number: int, year: Year) -> Iterator[str]:
    splits = ", ".join(map(str, year.splits))
    clips = "not known how many" if year.evaluation_clips is None else f"{year.evaluation_clips:,}"
    size = {"precision": "parameters x bits / 8", "dtype": "each parameter by its dtype"}[year.size]
    models = {"one": "", "one a device": ", each device's model for itself"}[year.models]
    yield f"{number}: output for the splits {splits} %; {clips} evaluation clips, known with their"
    yield f"      {' and '.join(year.evaluation_columns)}; at most {year.max_model_bytes:,} bytes"
    yield f"      ({size}) and {year.max_macs:,} MACs{models}"
    if year.unknown:
        yield "      not known here, so that nothing checks it:"
    for text in year.unknown:
        yield textwrap.fill(text, WIDTH, initial_indent=8 * " " + "- ", subsequent_indent=10 * " ")
