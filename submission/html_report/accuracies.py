"""Accuracy by scene, device and city, of each recipe's submitted system."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from baseline.challenge import DEVICE_GROUPS, SCENES
from submission.html_report.charts import Series, Value, dot_plot
from submission.html_report.cities import city_accuracies
from submission.html_report.collect import Collected
from submission.html_report.parts import Figure, Group, Part, Section, Table, Text
from submission.html_report.words import mean_and_deviation, splits_text
from submission.results.scored_runs import Result
from submission.results.spread import spread

Shares = Mapping[str, float | None]
"""Accuracies by name, fractions."""

PLOTTED = "Accuracy in percent"


def scene_section(found: Collected) -> Section:
    """Of clips of each scene."""
    names = {scene: scene for scene in SCENES}
    lead = "Share of the clips of each scene that are recognised, mean ± spread over seeds."
    return _section(found, "scenes", "Accuracy by scene", lead, names, _scenes)


def device_section(found: Collected) -> Section:
    """Of clips of each device and group of devices."""
    names: dict[str, str] = {}
    for group, members in DEVICE_GROUPS.items():
        names |= {group: f"all {group}"} | {device: f"{device} ({group})" for device in members}
    lead = (
        "Share of correct clips by recording device. Real devices and seen simulated ones are in "
        "the training data; unseen ones are only in the test."
    )
    return _section(found, "devices", "Accuracy by device", lead, names, _devices)


def city_section(found: Collected) -> Section:
    """Of clips of each city, where the dataset and the probabilities can be read."""
    title = "Accuracy by city"
    data = found.dataset
    if data is None:
        lead = (
            f"The dataset is not at {found.results.runs[0].data}, so the cities of the test clips "
            "are not known; give its folder with tinyscene report --data DATA."
        )
        return Section("cities", title, lead, [])
    known = {
        run.name: cities
        for run in _submitted(found)
        if (cities := city_accuracies(run, data)) is not None
    }
    names = {city: city for city in sorted({city for row in known.values() for city in row})}
    lead = "Share of correct clips by city, from places in meta.csv and stored probabilities."
    section = _section(found, "cities", title, lead, names, lambda run: known.get(run.name, {}))
    missing = [run.name for run in found.results.runs if run.name not in known]
    if not missing:
        return section
    note = Text(
        f"Without probabilities of these test clips: {', '.join(missing)}; "
        "tinyscene evaluate RUN writes them."
    )
    return Section("cities", title, lead, [*section.parts, note])


def _section(
    found: Collected,
    key: str,
    title: str,
    lead: str,
    names: Mapping[str, str],
    shares: Callable[[Result], Shares],
) -> Section:
    parts: list[Part] = []
    for number, recipe in enumerate(found.results.recipes):
        runs = found.results.of(recipe)
        name = f"{recipe}, {runs[0].system}"
        if content := _of_recipe(f"{key}-{number}", name, runs, names, shares):
            parts.append(Group(name, content))
    return Section(key, title, lead, parts)


def _submitted(found: Collected) -> list[Result]:
    """The same runs as `found.results.runs`, with their confusion matrices."""
    return [run for systems in found.systems.values() for run in next(iter(systems.values()))]


def _of_recipe(
    key: str,
    title: str,
    runs: Sequence[Result],
    names: Mapping[str, str],
    shares: Callable[[Result], Shares],
) -> list[Part]:
    by_split: dict[int, list[Shares]] = {}
    for run in runs:
        by_split.setdefault(run.split, []).append(shares(run))
    spreads = {
        (split, name): spread(share for row in rows if (share := row.get(name)) is not None)
        for split, rows in by_split.items()
        for name in names
    }
    shown = [name for name in names if any(spreads[split, name].n for split in by_split)]
    if not shown:
        return []
    series = [
        Series(
            f"{split} %",
            [
                Value(place, 100 * one.mean, one.deviation and 100 * one.deviation)
                for place, name in enumerate(shown)
                if (one := spreads[split, name]).mean is not None
            ],
        )
        for split in by_split
    ]
    rows = [
        [names[name], *(mean_and_deviation(spreads[split, name]) for split in by_split)]
        for name in shown
    ]
    columns = ["", *(f"{splits_text([split])} (n = {len(by_split[split])})" for split in by_split)]
    labels = [names[name] for name in shown]
    return [
        Figure(
            f"{title}: marks are splits, bars one standard deviation.",
            [dot_plot(key, PLOTTED, labels, series)],
        ),
        Table(f"Accuracy in percent: {title}", columns, rows),
    ]


def _scenes(run: Result) -> Shares:
    return {name: row.accuracy for name, row in run.scores.scenes.items()}


def _devices(run: Result) -> Shares:
    rows = run.scores.devices | run.scores.groups
    return {name: row.accuracy for name, row in rows.items()}
