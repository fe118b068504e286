"""The rules for the data that runs have learnt from (S501 to S507, S510).

Training on anything outside the chosen split disqualifies a system. The clips of a run stand in its
record; they are compared with the lists of the dataset folder that it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from baseline.clips import read_dataset
from baseline.run import Run
from deploy.errors import InputError
from submission.rules.faults import Fault, examples
from submission.rules.learnt_from import ancestors, calibrates, clip_names, knows_the_challenge

Name = str


@dataclass(frozen=True)
class _Lists:
    """The clips of a dataset folder."""

    every: frozenset[Name]
    test: frozenset[Name]
    train: dict[int, frozenset[Name]]

    def split(self, split: int) -> frozenset[Name]:
        if split not in self.train:
            raise InputError(f"the dataset has no list of split {split}.")
        return self.train[split]

    def outside(self, names: Sequence[Name], split: int) -> dict[str, list[Name]]:
        """Clips that are not of a split, by the code of the rule that training on them breaks."""
        inside, found = self.split(split), dict[str, list[Name]]()
        for name in names:
            if name not in inside:
                found.setdefault(self._code(name), []).append(name)
        return found

    def _code(self, name: Name) -> str:
        if name in self.test:
            return "S502"
        if any(name in clips for clips in self.train.values()):
            return "S501"
        return "S503" if name in self.every else "S504"


WHAT = {
    "S501": "of a larger split",
    "S502": "of the test list",
    "S503": "of neither train nor test",
    "S504": "that the dataset lacks",
}
"""What clips are, by the rule that training on them breaks."""


def check_data(runs: Sequence[Run]) -> list[Fault]:
    """Check what runs have learnt from; a warning for what cannot be checked."""
    lists: dict[str, _Lists] = {}
    return [fault for run in runs for fault in _check_run(run, lists)]


def _check_run(run: Run, lists: dict[str, _Lists]) -> Iterator[Fault]:
    if knows_the_challenge(run.recipe.initial_weights):
        yield _knows_everything(run, run)
    try:
        known = _lists_of(run, lists)
        yield from _check_training(run, known)
        if calibrates(run):
            yield from _check_calibration(run, known)
        for ancestor in ancestors(run):
            yield from _check_ancestor(run, ancestor, known)
    except InputError as error:
        reason = str(error).removesuffix(".")
        message = f"its data could not be checked, {reason}; expected what its record names."
        yield Fault("S510", str(run.folder), message)


def _lists_of(run: Run, lists: dict[str, _Lists]) -> _Lists:
    folder = str(run.record["data"])
    if folder not in lists:
        dataset = read_dataset(Path(folder))
        names = dataset.clips["filename"]
        lists[folder] = _Lists(
            frozenset(names),
            frozenset(names[dataset.test]),
            {split: frozenset(names[rows]) for split, rows in dataset.train.items()},
        )
    return lists[folder]


def _check_training(run: Run, lists: _Lists) -> Iterator[Fault]:
    outside = lists.outside(clip_names(run.training_list_file), run.split)
    for code, names in sorted(outside.items()):
        found = f"was trained on {len(names):,} clips {WHAT[code]} ({examples(names)})"
        yield Fault(code, str(run.folder), f"{found}, expected clips of split {run.split} only.")


def _check_calibration(run: Run, lists: _Lists) -> Iterator[Fault]:
    outside = lists.outside(clip_names(run.calibration_file), run.split)
    foreign = outside.pop("S504", [])
    others = [name for names in outside.values() for name in names]
    expected = f"expected clips of split {run.split}"
    if others:
        found = f"was calibrated on {len(others):,} clips outside its split ({examples(others)})"
        yield Fault("S506", str(run.folder), f"{found}, {expected} only.")
    if foreign:
        found = f"was calibrated on {len(foreign):,} other recordings ({examples(foreign)})"
        message = f"{found}, {expected} or a declaration in meta.yaml's external_datasets."
        yield Fault("S507", str(run.folder), message)


def _check_ancestor(run: Run, ancestor: Run, lists: _Lists) -> Iterator[Fault]:
    if knows_the_challenge(ancestor.recipe.initial_weights):
        yield _knows_everything(run, ancestor)
    outside = lists.outside(clip_names(ancestor.training_list_file), run.split)
    names = [name for code in sorted(outside) for name in outside[code]]
    if names:
        found = f"has learnt from {ancestor.folder}, trained on {len(names):,} clips outside"
        message = f"{found} split {run.split} ({examples(names)}), expected none."
        yield Fault("S505", str(run.folder), message)


def _knows_everything(run: Run, source: Run) -> Fault:
    weights = source.recipe.initial_weights
    found = f"has learnt from {weights}, which knows the challenge's recordings of all splits"
    return Fault("S505", str(run.folder), f"{found}, expected weights that do not.")
