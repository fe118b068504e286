"""The rules of a submission: one table of all years."""

from __future__ import annotations

from typing import Literal, NamedTuple

from baseline.challenge import YEARS

Severity = Literal["fault", "warning"]

ALL_YEARS = tuple(YEARS)
ONLY_2024, ONLY_2025 = (2024,), (2025,)


class Rule(NamedTuple):
    """A rule of the challenge, or of what it needs to be checked at all."""

    severity: Severity
    """`fault` where a package that breaks it must not be handed in, `warning` where it may."""
    text: str
    """What it asks for."""
    years: tuple[int, ...] = ALL_YEARS
    """In which it holds."""


RULES: dict[str, Rule] = {
    # The container. After one of these nothing inside is read.
    "S001": Rule("fault", "the package and each file in it can be read"),
    "S002": Rule("fault", "names are relative, with forward slashes and without '..'"),
    "S003": Rule("fault", "there are only plain files and folders, no links"),
    "S004": Rule("fault", "each name occurs once, also where case does not count"),
    "S005": Rule("fault", "number, size and compression of the files are plausible"),
    "S006": Rule("fault", "files are stored or deflated, and not encrypted"),
    "S007": Rule("fault", "no two files of a zip share bytes"),
    # Layout and labels.
    "S101": Rule("fault", "everything but the report is in the folder task1"),
    "S102": Rule("fault", "there is at least one system folder"),
    "S103": Rule("fault", "there are at most as many systems as the challenge allows"),
    "S104": Rule("fault", "a label is [Last name]_[Institute]_task1_[index]"),
    "S105": Rule("fault", "the index of a label is allowed"),
    "S106": Rule("warning", "the index of a label is within the task's own template", ONLY_2024),
    "S107": Rule("warning", "a label has only ASCII letters, digits and hyphens in its parts"),
    "S108": Rule("fault", "there is an output CSV for each split"),
    "S109": Rule("fault", "there is a meta.yaml"),
    "S110": Rule("fault", "CSV and YAML files have the names that the label asks for"),
    "S111": Rule("warning", "there are no files that the challenge does not ask for"),
    "S112": Rule("warning", "there is a technical report"),
    "S113": Rule("fault", "a .pdf is a PDF file"),
    # Output CSVs.
    "S201": Rule("fault", "there is no byte order mark"),
    "S202": Rule("fault", "the text is UTF-8"),
    "S203": Rule("fault", "lines end with LF or CRLF, and there is no NUL"),
    "S204": Rule("fault", "the header has the challenge's columns in its order, TAB separated"),
    "S205": Rule("fault", "each line has as many fields as the header"),
    "S206": Rule("fault", "there are as many rows as evaluation files"),
    "S207": Rule("fault", "file names come without a folder", ONLY_2024),
    "S208": Rule("fault", "each name is one of the evaluation set"),
    "S209": Rule("fault", "each name occurs once"),
    "S210": Rule("fault", "no file of the evaluation set is missing"),
    "S211": Rule("fault", "scene_label is one of the ten scenes"),
    "S212": Rule("fault", "probabilities are numbers"),
    "S213": Rule("fault", "probabilities are finite"),
    "S214": Rule("fault", "probabilities lie in [0, 1]"),
    "S215": Rule("fault", "the probabilities of a file sum to 1"),
    "S216": Rule("fault", "scene_label is a most probable scene"),
    "S217": Rule("warning", "the CSVs of two splits differ", ONLY_2024),
    # meta.yaml.
    "S301": Rule("fault", "meta.yaml is YAML in UTF-8, of a plausible size"),
    "S302": Rule("fault", "there are no tags beyond YAML's own, such as !!python/object"),
    "S303": Rule("fault", "aliases do not make it huge or endless"),
    "S304": Rule("fault", "no key is given twice"),
    "S305": Rule("fault", "each key is one of the challenge's"),
    "S306": Rule("fault", "no key is missing"),
    "S307": Rule("fault", "each value has the type that its key asks for"),
    "S308": Rule("fault", "each value is in the range that its key allows"),
    "S309": Rule("fault", "submission.label is the name of the folder"),
    "S310": Rule("fault", "the abbreviation is not too long"),
    "S311": Rule("fault", "exactly one author is the corresponding one"),
    "S312": Rule("fault", "the MACs are within the limit"),
    "S313": Rule("fault", "the model size is within the limit"),
    "S314": Rule("fault", "model size = parameters x bits / 8", ONLY_2024),
    "S315": Rule("fault", "overall accuracy is the mean of the class-wise accuracies", ONLY_2024),
    "S316": Rule("warning", "results are known", ONLY_2024),
    "S317": Rule("warning", "accuracies are given in percent", ONLY_2024),
    "S318": Rule("fault", "model size is what dtypes of 8 to 32 bits can make of it", ONLY_2025),
    # The runs that the package is made from.
    "S401": Rule("fault", "there is a run for each split", ONLY_2024),
    "S402": Rule("fault", "there is one run for each split, not more", ONLY_2024),
    "S403": Rule("fault", "all runs have the same recipe and network", ONLY_2024),
    "S404": Rule("fault", "each run has predictions of the evaluation set", ONLY_2024),
    "S405": Rule("fault", "each run was evaluated on the test split", ONLY_2024),
    "S406": Rule("fault", "each run has its complexity counted", ONLY_2024),
    "S407": Rule("fault", "each run was evaluated as its model is now", ONLY_2024),
    "S408": Rule("fault", "each run's predictions are those of its model as it is now", ONLY_2024),
    "S409": Rule("fault", "all runs of a system have the same dataset", ONLY_2024),
    "S411": Rule("fault", "meta.yaml's complexity is that of the runs", ONLY_2024),
    "S412": Rule("fault", "meta.yaml's results are those of the runs", ONLY_2024),
    "S413": Rule("fault", "the output CSVs are the runs' predictions", ONLY_2024),
    "S414": Rule("fault", "each run, a device's model, is within both limits by itself", ONLY_2025),
    # The data that the runs have learnt from.
    "S501": Rule("fault", "a run is trained on no clip of a larger split"),
    "S502": Rule("fault", "a run is trained on no clip of the test list"),
    "S503": Rule("fault", "a run is trained on no clip that is in neither train nor test"),
    "S504": Rule("fault", "a run is trained on clips of its dataset only"),
    "S505": Rule("fault", "teachers and first weights know no clip outside the split"),
    "S506": Rule(
        "fault", "int8 files are calibrated on no other clip of the dataset than the split's"
    ),
    "S507": Rule("warning", "int8 files are calibrated on the dataset"),
    "S508": Rule("fault", "meta.yaml declares external datasets where runs use any", ONLY_2024),
    "S509": Rule("warning", "meta.yaml names the data of published weights", ONLY_2024),
    "S510": Rule("warning", "what a run has learnt from can be checked"),
}
"""Every rule by its code. A code keeps its meaning for ever."""


def rules_of(year: int) -> dict[str, Rule]:
    """The rules that hold in a year, by code."""
    return {code: rule for code, rule in RULES.items() if year in rule.years}
