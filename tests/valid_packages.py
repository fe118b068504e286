"""Valid packages that differ in everything that the challenge leaves open, one for each seed."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import yaml

from baseline.challenge import SCENES, SPLITS
from submission.label import TASK, csv_name, metadata_name
from submission.predictions import COLUMNS
from tests.package_files import FastDumper, Files, write_zip

COUNT = 50

NAMES = ["Doe", "Van-Doe", "ODonnell", "Li", "Nguyen2"]
INSTITUTES = ["TINY", "Uni-Y", "X1"]
PEOPLE = ["Jo", "Zoë", "Łukasz", "美穂", "José-María", "O'Neil", "Анна", "null", "1", "yes"]
NUMBERS = ["%.5f", "%.6g", "%.9g", "%.17g", "%.4e", "%.12f"]
"""With these, ten rounded probabilities still sum to 1 within the rules' tolerance."""

STYLES: list[dict[str, Any]] = [
    {},
    {"allow_unicode": True},
    {"default_flow_style": True},
    {"indent": 4, "width": 60},
    {"default_style": None, "explicit_start": True},
]


def write_valid_package(
    folder: Path, metadata: dict[str, Any], files: list[str], seed: int
) -> Path:
    """Write a package, as a zip or as a folder.

    Args:
        metadata: of a valid system.
        files: the names of the evaluation set.
    """
    chance = random.Random(seed)
    content: Files = {}
    stem = f"{chance.choice(NAMES)}_{chance.choice(INSTITUTES)}_{TASK}"
    for index in range(1, chance.randint(1, 4) + 1):
        content |= _system(f"{stem}_{index}", metadata, files, chance)
    if chance.random() < 0.7:
        name = chance.choice(["report.pdf", f"{TASK}/{stem}.technical_report.pdf"])
        content[name] = b"%PDF-1.4\n"
    if chance.random() < 0.5:
        return write_zip(folder / "package.zip", content)
    for name, data in content.items():
        path = folder / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder / "package"


def _system(label: str, metadata: dict[str, Any], files: list[str], chance: random.Random) -> Files:
    folder = f"{TASK}/{label}"
    content = {f"{folder}/{csv_name(label, split)}": _csv(files, chance) for split in SPLITS}
    return content | {f"{folder}/{metadata_name(label)}": _yaml(label, metadata, chance)}


def _csv(files: list[str], chance: random.Random) -> bytes:
    number, end = chance.choice(NUMBERS), chance.choice(["\n", "\r\n"])
    rows = [_row(name, number, chance) for name in chance.sample(files, len(files))]
    text = end.join(["\t".join(COLUMNS), *rows])
    return (text + chance.choice(["", end])).encode()


def _row(name: str, number: str, chance: random.Random) -> str:
    sharpness = chance.choice([0, 1, 8, 200])
    powers = [chance.random() ** sharpness + 1e-30 for _ in SCENES]
    cells = [number % (power / sum(powers)) for power in powers]
    scene = SCENES[max(range(len(cells)), key=lambda column: float(cells[column]))]
    return "\t".join([name, scene, *cells])


def _yaml(label: str, metadata: dict[str, Any], chance: random.Random) -> bytes:
    values = copy.deepcopy(metadata)
    values["submission"] |= {
        "label": label,
        "name": f"{chance.choice(PEOPLE)}'s system: {{tiny}} # {chance.random()}",
        "abbreviation": chance.choice(["t", "Tiny & Co.", "ünïcödé"]),
        "authors": _authors(chance),
    }
    values["system"]["complexity"] = _complexity(chance)
    if chance.random() < 0.5:
        _forget_results(values, chance)
    text = yaml.dump(
        _shuffled(values, chance), Dumper=FastDumper, sort_keys=False, **chance.choice(STYLES)
    )
    start, end = chance.choice(["", "\ufeff", "# by hand\n"]), chance.choice(["\n", "\r\n"])
    return (start + text.replace("\n", end)).encode()


def _authors(chance: random.Random) -> list[dict[str, Any]]:
    authors: list[dict[str, Any]] = [
        {
            "lastname": chance.choice(PEOPLE),
            "firstname": chance.choice(PEOPLE),
            "email": f"a{number}@sub.example.org",
            "affiliation": chance.choice([{}, {"institute": "Institut für Ä"}, {"location": None}]),
        }
        for number in range(chance.randint(1, 6))
    ]
    chance.choice(authors)["corresponding"] = True
    return authors


def _complexity(chance: random.Random) -> dict[str, int]:
    bits = chance.choice([8, 16, 32])
    parameters = chance.randint(1, 128_000 * 8 // bits)
    return {
        "total_parameters": parameters,
        "total_model_size": parameters * bits // 8,
        "macs": chance.randint(1, 30_000_000),
    }


def _forget_results(values: dict[str, Any], chance: random.Random) -> None:
    split = values["results"]["development_dataset"][f"split_{chance.choice(SPLITS)}"]
    for row in split[chance.choice(["class_wise", "device_wise"])].values():
        row |= {"accuracy": None, "logloss": None}


def _shuffled(values: Any, chance: random.Random) -> Any:
    """The same with every mapping's keys in another order."""
    if isinstance(values, list):
        return [_shuffled(value, chance) for value in values]
    if not isinstance(values, dict):
        return values
    return {key: _shuffled(values[key], chance) for key in chance.sample(list(values), len(values))}
