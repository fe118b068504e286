"""The technical report: its text against the runs' files, its bytes, and text of other people."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pypdf
import pytest
import typst
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyscene
from baseline.challenge import DEVICES, SCENES, SPLITS
from baseline.recipe import Recipe, load_recipe, recipe_names
from baseline.run import Run
from deploy.files import write_json
from submission.results.published import PUBLISHED, TEST
from submission.team import TeamOfOne, TeamOfSeveral
from submission.technical_report.description import paragraphs
from submission.technical_report.markup import BREAK, breakable, string, text
from submission.technical_report.references import PAPERS, USED_BY, bibliography
from submission.technical_report.report import write_technical_report
from tests.synthetic_runs import MACS, PARAMETERS, TEAM, write_run, write_team

HOSTILE = (
    '#import "x.typ": * $a$ @b *c* _d_ \\ <e> `f` // https://example.org /* ] ) } = + 1. - ; '
    "Żółć שלום " + "w" * 200
)
LAYERS = [
    ("stem.0", 8, 100, 1_000),
    ("stem.1", 8, 16, 16),
    ("blocks.b1.conv", 16, 1_152, 20_000),
    ("blocks.b1.norm", 16, 32, 32),
    ("blocks.b2.conv", 32, 4_608, 30_000),
    ("head", 10, 330, 330),
]


def make_runs(folder: Path, recipe: Recipe) -> list[Run]:
    """Runs of all splits with learning curves and layers, also scored as int8."""
    runs = [write_run(folder / f"split{split}", split, ["0.wav"], recipe) for split in SPLITS]
    for run in runs:
        rows = [f"{epoch},{2 / epoch},{0.1 * epoch},1,{0.05 * epoch},2.2" for epoch in (1, 2, 3)]
        header = "epoch,train_loss,train_accuracy,seconds,test_accuracy,test_loss"
        run.history_file.write_text("\n".join([header, *rows]) + "\n")
        layers = [
            {"name": name, "output_shape": [1, channels, 64, 17], "parameters": some, "macs": macs}
            for name, channels, some, macs in LAYERS
        ]
        counted = json.loads(run.complexity_file.read_text())
        write_json(run.complexity_file, counted | {"layers": layers})
        scores = run.evaluation(recipe.submitted_system) | {"macro_accuracy": 0.0314}
        write_json(run.evaluation_file("tflite-int8"), scores)
    return runs


def team_of(*recipes: str, name: str = "A tiny system") -> TeamOfSeveral:
    systems = [{"name": name, "abbreviation": "tiny", "recipe": recipe} for recipe in recipes]
    values = {"lastname": "Doe", "institute": "TINY", "authors": TEAM["authors"]}
    return TeamOfSeveral.model_validate(values | {"systems": systems})


def words(pdf: Path) -> str:
    """The text of a PDF with single spaces."""
    pages = pypdf.PdfReader(pdf).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split()).replace(BREAK, "")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Of one system; not to be changed."""
    return make_runs(tmp_path_factory.mktemp("runs"), load_recipe("baseline2024"))


@pytest.fixture(scope="module")
def pdf(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on that system."""
    team = TeamOfOne.model_validate(TEAM)
    return write_technical_report([runs], team, tmp_path_factory.mktemp("paper") / "report")


@pytest.fixture(scope="module")
def found(pdf: Path) -> str:
    """The report's text."""
    return words(pdf)


def test_the_pdf_is_named_by_the_label_without_index(pdf: Path) -> None:
    assert pdf.name == "Doe_TINY_task1.technical_report.pdf"
    assert pdf.read_bytes().startswith(b"%PDF-")


def test_authors_places_to_fill_and_complexity_are_there(found: str) -> None:
    for author in TEAM["authors"]:
        assert f"{author['firstname']} {author['lastname']}" in found
        assert author["email"] in found
    assert found.count("To be written:") >= 4
    assert f"{PARAMETERS:,} {2 * PARAMETERS:,} {MACS:,}" in found
    assert "128,000 30,000,000" in found
    assert "within both limits" in found


def test_accuracies_and_log_losses_are_those_of_the_runs(runs: list[Run], found: str) -> None:
    scores = [json.loads(run.evaluation_file("torch-fp16").read_text()) for run in runs]
    accuracies = [100 * row["macro_accuracy"] for row in scores]
    mean = sum(accuracies) / len(accuracies)
    assert " ".join(f"{value:.2f}" for value in [*accuracies, mean]) in found
    losses = [row["log_loss"] for row in scores]
    assert " ".join(f"{loss:.3f}" for loss in [*losses, sum(losses) / len(losses)]) in found
    assert f"{accuracies[0]:.2f} % when trained on 5 %" in found
    for kind, names in (("scenes", SCENES), ("devices", DEVICES)):
        for name in names:
            assert _row([row[kind][name] for row in scores]) in found, name
    for group in ("real", "seen", "unseen"):
        values = [100 * row["groups"][group]["accuracy"] for row in scores]
        assert f"all {group} " + " ".join(f"{value:.2f}" for value in values) in found
    assert "tflite-int8 " + " ".join(["3.14"] * len(SPLITS)) in found


def _row(scores: list[dict[str, Any]]) -> str:
    return " ".join(f"{100 * row['accuracy']:.2f} / {row['log_loss']:.3f}" for row in scores)


def test_the_published_baseline_stands_beside(found: str) -> None:
    tested = [row for row in PUBLISHED if "2024 baseline" in row.system and row.tested_on == TEST]
    assert len(tested) == len(SPLITS)
    assert " ".join(f"{row.accuracy:.2f} ± {row.deviation:.2f}" for row in tested) in found
    assert "cannot be compared" in found  # the runs' 270 clips with its 29,680


def test_the_network_is_told_by_stages(found: str) -> None:
    assert "stem 8 × 64 × 17 116 1,016" in found
    assert "blocks.b1 16 × 64 × 17 1,184 20,032" in found
    assert "head 10 × 64 × 17 330 330" in found


def test_the_source_makes_the_same_pdf_by_itself(pdf: Path) -> None:
    made = typst.compile(pdf.with_name("report.typ"), ignore_system_fonts=True)
    assert made == pdf.read_bytes()


def test_the_command_gives_the_same_bytes_for_the_same_runs(
    runs: list[Run], pdf: Path, tmp_path: Path, capsys: Any
) -> None:
    team = write_team(tmp_path / "team.yaml")
    folders = [str(run.folder) for run in reversed(runs)]
    out = tmp_path / "new" / "again"
    assert tinyscene.main(["paper", *folders, "--team", str(team), "--out", str(out)]) == 0
    assert Path(capsys.readouterr().out.strip()) == out / pdf.name
    assert content(out) == content(pdf.parent)
    assert len([name for name in content(out) if name.endswith(".svg")]) == 4
    assert os.listdir(out.parent) == ["again"]


def content(folder: Path) -> dict[str, bytes]:
    """All files with what is in them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.slow
def test_systems_tell_how_they_differ_under_hostile_names(tmp_path: Path) -> None:
    hostile = load_recipe("small").model_copy(update={"name": "#a $b @c _d_ *e*"})
    systems = [
        make_runs(tmp_path / "a", load_recipe("student-cpmobile")),
        make_runs(tmp_path / "b", hostile),
    ]
    team = team_of("student-cpmobile", hostile.name, name=HOSTILE)
    found = words(write_technical_report(systems, team, tmp_path / "report"))
    for part in HOSTILE.split()[:12]:
        assert part in found
    assert "What is not described here is as in System 1" in found
    assert "System 2" in found
    assert "To be written: what the teachers are" in found


@pytest.mark.slow
def test_without_curves_and_layers_the_report_does_without(tmp_path: Path) -> None:
    recipe = load_recipe("small")
    bare = [write_run(tmp_path / f"{split}", split, ["0.wav"], recipe) for split in SPLITS]
    report = write_technical_report([bare], team_of("small"), tmp_path / "report")
    assert sorted(path.name for path in (report.parent / "figures").iterdir()) == [
        "confusion-1.svg",
        "devices.svg",
        "splits.svg",
    ]
    assert "Learning curves" not in words(report)
    assert "not quantised" in words(report)


@pytest.mark.parametrize("name", recipe_names())
def test_each_recipe_is_told_with_its_numbers(name: str) -> None:
    recipe = load_recipe(name)
    told = dict(paragraphs(recipe))
    assert f"{recipe.train.epochs} epochs" in told["Training"]
    assert f"batches of {recipe.train.batch_size} clips" in told["Training"]
    assert f"up to {recipe.augment.roll_seconds:g} s" in told["Augmentation"]
    assert ("mixup" in told["Augmentation"]) == (recipe.augment.mixup_alpha > 0)
    assert ("Knowledge distillation" in told) == (recipe.distill is not None)
    assert ("int8" in told["Precision"]) == (recipe.precision == "int8")
    assert "kHz" in told["Front end"]
    source = "".join(f"{part}\n" for part in told.values()) + '#bibliography("references.yml")'
    assert typst.compile({"main": source.encode(), "references.yml": bibliography().encode()})


def test_every_step_of_augmentation_is_told() -> None:
    switched_on = [
        f"augment.{setting}"
        for setting in (
            "pitch_semitones=2",
            "impulse_responses=synthetic",
            "time_mask_frames=20",
            "lowest_mel_range_hz=10",
            "highest_mel_range_hz=1000",
            "mixup_alpha=0.3",
        )
    ]
    told = dict(paragraphs(load_recipe("small", switched_on)))["Augmentation"]
    order = ("2 semitones", "impulse", "0.1 s", "9 Hz", "500 Hz", "48 mels", "20 frames", "mixup")
    places = [told.index(word) for word in order]
    assert places == sorted(places)


@pytest.mark.parametrize("method", ["ptq", "qat", "tuned"])
def test_each_method_of_quantisation_is_told(method: str) -> None:
    recipe = load_recipe("small", ["precision=int8", f"quantize.method={method}"])
    told = dict(paragraphs(recipe))["Precision"]
    assert "200 training clips" in told
    assert ("further training that" in told) == (method == "qat")


def test_what_is_cited_is_in_the_bibliography() -> None:
    written = yaml.safe_load(bibliography())
    assert written.keys() == PAPERS.keys()
    assert {key for keys in USED_BY.values() for key in keys} == PAPERS.keys()
    assert "2405.10018" in written["schmid2024"]["url"]


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80))
def test_typst_reads_a_text_as_it_was(value: str) -> None:
    shown = f"#metadata({string(value)}) <string>\n#metadata([{text(value)}]) <text>"
    assert json.loads(_query(shown, "<string>")) == [value]
    if value.strip():
        [content] = json.loads(_query(shown, "<text>"))
        assert _plain(content) == breakable(value)


def _query(source: str, label: str) -> str:
    return typst.query(source.encode(), label, field="value")


def _plain(content: dict[str, Any]) -> str:
    """The text of content that has nothing but text."""
    if content["func"] == "sequence":
        return "".join(map(_plain, content["children"]))
    return {"text": content.get("text"), "space": " "}[content["func"]] or ""


def test_without_typst_the_command_says_what_to_install(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.delitem(sys.modules, "submission.technical_report.report")
    monkeypatch.delitem(sys.modules, "submission.technical_report.pdf")
    monkeypatch.setitem(sys.modules, "typst", None)
    team = write_team(tmp_path / "team.yaml")
    folders = [str(run.folder) for run in runs]
    code = tinyscene.main(
        ["paper", *folders, "--team", str(team), "--out", str(tmp_path / "report")]
    )
    assert code == 2
    assert re.search(r"needs the package typst; run: pip install", capsys.readouterr().err)
    assert not (tmp_path / "report").exists()
