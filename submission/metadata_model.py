"""The typed form of meta.yaml; its keys are the challenge's.

Accuracies are percentages, log losses are in nats, sizes in bytes. None, in YAML `null` (the
challenge also writes it `!!null`), stands for an unknown value.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from baseline.challenge import DEVICES, MAX_ABBREVIATION, SCENES, SPLITS
from submission.schema import Email, Section, Tags, Text, failure, keys


def split_key(split: int) -> str:
    """The key of a split's results, such as `split_5`."""
    return f"split_{split}"


class Affiliation(Section):
    """Where an author works."""

    abbreviation: Text | None = None
    institute: Text | None = None
    department: Text | None = None
    location: Text | None = None


class Author(Section):
    """An author; exactly one of a system's is the corresponding one."""

    lastname: Text
    firstname: Text
    email: Email
    corresponding: bool | None = None
    affiliation: Affiliation


class ExternalDataset(Section):
    """A resource beyond the challenge's data."""

    name: Text
    url: Text | None
    total_audio_length: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    """Minutes."""


def _one_corresponding(authors: list[Author]) -> list[Author]:
    count = sum(author.corresponding is True for author in authors)
    if count != 1:
        raise failure("S311", f"found {count} with corresponding: true, expected exactly one")
    return authors


def _short_enough(abbreviation: str) -> str:
    if len(abbreviation) > MAX_ABBREVIATION:
        found = f"found {len(abbreviation)} characters in '{abbreviation[:60]}'"
        raise failure("S310", f"{found}, expected at most {MAX_ABBREVIATION}")
    return abbreviation


Abbreviation = Annotated[Text, AfterValidator(_short_enough)]
Authors = Annotated[list[Author], Field(min_length=1), AfterValidator(_one_corresponding)]


class Submission(Section):
    """Who submits, and under what names."""

    label: Text
    name: Text
    abbreviation: Abbreviation
    authors: Authors
    """In the order of publication."""


class Description(Section):
    """General tags of a system."""

    input_sampling_rate: Tags
    acoustic_features: Tags
    data_augmentation: Tags
    machine_learning_method: Tags
    external_data_usage: Tags
    complexity_management: Tags
    pipeline: Tags
    framework: Tags
    split_adaptations: Tags
    system_adaptations: Tags


class SystemComplexity(Section):
    """What a system costs for one second of audio."""

    total_model_size: Annotated[int, Field(gt=0)]
    """Bytes: parameters x bits / 8."""
    total_parameters: Annotated[int, Field(gt=0)]
    macs: Annotated[int, Field(gt=0)]


class System(Section):
    """What is submitted."""

    description: Description
    complexity: SystemComplexity
    external_datasets: list[ExternalDataset] | None
    source_code: Text | None


class Score(Section):
    """Accuracy in percent and log loss in nats."""

    accuracy: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None
    logloss: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None


class SplitResults(Section):
    """Scores on the development-test split after training on one split."""

    overall: Score
    """Its accuracy is the mean of the class-wise accuracies."""
    class_wise: Annotated[dict[str, Score], keys(SCENES)]
    device_wise: Annotated[dict[str, Score], keys(DEVICES)]


class Results(Section):
    """Scores for all splits."""

    development_dataset: Annotated[dict[str, SplitResults], keys(map(split_key, SPLITS))]


class Metadata(Section):
    """A system's meta.yaml by the rules of 2024."""

    submission: Submission
    system: System
    results: Results


class PartlyKnownMetadata(Section):
    """A meta.yaml of a year whose keys beside these are not known here."""

    model_config = ConfigDict(extra="ignore")

    submission: Submission


MODELS: dict[int, type[Section]] = {2024: Metadata, 2025: PartlyKnownMetadata}
"""The form of meta.yaml by year."""
