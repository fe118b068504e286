"""Which runs count, which may not be averaged, and what is said of them."""

import csv
import json
import os

import pytest

import tinyscene
from baseline.challenge import DEVICE_GROUPS, SPLITS, TEST_CLIPS
from deploy.errors import InputError
from submission.results.folder import read_results
from submission.results.published import EVALUATION, PUBLISHED, TEST
from submission.results.report import report, to_csv, to_json
from submission.results.text import render
from tests.result_runs import recipe_of, write_result


@pytest.fixture
def runs(tmp_path):
    """Two recipes on two splits, three seeds each."""
    folder = tmp_path / "runs"
    for name in ("small", "student"):
        for split in (5, 100):
            for seed in range(3):
                write_result(folder, recipe_of(name), split, seed)
    (folder / "logs").mkdir()
    (folder / "notes.txt").touch()
    return folder


def text(folder, against=None, system=None):
    return render(report(read_results(folder, system), against))


def line_of(said, *words):
    return next(line for line in said.splitlines() if all(word in line for word in words))


# --- which runs count


def test_runs_that_are_not_complete_are_named_and_left_out(runs):
    (runs / "small-split5-seed0" / "weights.safetensors").unlink()
    (runs / "small-split5-seed1" / "evaluation" / "torch-fp16.json").unlink()
    os.utime(runs / "student-split5-seed2" / "weights.safetensors")  # trained again
    results = read_results(runs)
    assert len(results.runs) == 9
    assert results.left_out == {
        "small-split5-seed0": "has not ended its training",
        "small-split5-seed1": "was not evaluated as torch-fp16",
        "student-split5-seed2": "was trained after its scores as torch-fp16 were written",
    }
    said = text(runs)
    assert "left out, 3 runs:\n  small-split5-seed0: has not ended its training" in said
    assert line_of(said, "small  ", " 5 ").split()[3] == "1"  # n, and no deviation
    assert "±" not in line_of(said, "small  ", " 5 ")


def test_the_submitted_system_is_scored_or_else_the_float_one(tmp_path):
    write_result(tmp_path, recipe_of("half"), 5, 0)
    write_result(tmp_path, recipe_of("whole", precision="int8"), 5, 0)
    write_result(tmp_path, recipe_of("int", precision="int8"), 5, 0, systems=("tflite-int8",))
    systems = {run.recipe.name: run.system for run in read_results(tmp_path).runs}
    assert systems == {"half": "torch-fp16", "whole": "torch-fp32", "int": "tflite-int8"}
    asked = read_results(tmp_path, "torch-fp32")
    assert {run.recipe.name for run in asked.runs} == {"half", "whole"}
    assert asked.left_out == {"int-split5-seed0": "was not evaluated as torch-fp32"}


def test_runs_of_a_recipe_are_never_scored_as_different_systems(tmp_path):
    recipe = recipe_of("int", precision="int8")
    write_result(tmp_path, recipe, 5, 0, systems=("torch-fp32", "tflite-int8"))
    write_result(tmp_path, recipe, 5, 1, systems=("torch-fp32",))
    results = read_results(tmp_path)
    assert [run.system for run in results.runs] == ["tflite-int8"]
    assert "int-split5-seed1" in results.left_out


# --- what may not be averaged


def refused(folder):
    with pytest.raises(InputError) as caught:
        read_results(folder)
    return str(caught.value)


def test_two_recipes_of_one_name_are_refused(runs):
    changed = recipe_of("small", network_options={"width": 3})
    write_result(runs, changed, 25, 0)
    said = refused(runs)
    assert "small-split5-seed0 and small-split25-seed0 are of different recipes" in said
    assert "network_options.width" in said


def test_two_runs_of_one_cell_are_refused(runs):
    write_result(runs / "more", recipe_of("small"), 5, 1).folder.rename(runs / "again")
    assert "again and small-split5-seed1 are both recipe small, split 5 %, seed 1" in refused(runs)


def test_runs_on_other_data_are_refused(runs):
    write_result(runs, recipe_of("other"), 5, 0, data="/data/second")
    assert "is of the data in /data/second, small-split5-seed0 of /data/invented" in refused(runs)


def test_runs_scored_on_other_clips_are_refused(runs):
    write_result(runs, recipe_of("other"), 5, 0, devices=("a", "b"))
    assert "were scored on different test clips (80 and 360)" in refused(runs)


def test_runs_trained_on_other_clips_are_refused(runs):
    write_result(runs, recipe_of("other"), 5, 0).training_list_file.write_text("mine\n")
    assert "learnt from different lists of clips called split 5 %" in refused(runs)


def test_runs_of_different_teachers_are_told(runs):
    for seed in range(3):
        record = runs / f"student-split5-seed{seed}" / "run.json"
        values = json.loads(record.read_text()) | {"teachers": f"/teachers/{seed % 2}.npz"}
        record.write_text(json.dumps(values))
    note = (
        "note: the runs of student on split 5 % learnt from 2 different files of teachers' logits"
    )
    assert note in text(runs)


# --- what is said


def test_the_table_has_a_row_a_recipe_and_split(runs):
    said = text(runs)
    assert "12 runs on invented, each scored on the same 360 test clips" in said
    cells = report(read_results(runs)).cells
    row = next(cell for cell in cells if (cell.recipe, cell.splits) == ("student", (100,)))
    expected = [
        f"{100 * spread.mean:.2f} ± {100 * spread.deviation:.2f}" for spread in row.spreads.values()
    ]
    line = line_of(said, "student  ", " 100 ")
    assert line.split(maxsplit=4)[:4] == ["student", "torch-fp16", "100", "3"]
    assert [word.strip() for word in line.split("  ")[-4:]] == expected
    assert "mean of 5, 100" in said


def test_differences_are_said_without_a_verdict(runs):
    said = text(runs, "small")
    row = next(row for row in report(read_results(runs), "small").differences if row.splits == (5,))
    line = line_of(said, "student - small", " 5 ", "macro")
    assert f"{100 * row.interval.mean:+.2f}" in line
    assert f"{100 * row.interval.low:+.2f} to {100 * row.interval.high:+.2f}" in line
    assert line.endswith("included" if row.interval.includes_zero else "excluded")
    assert "95 % confidence interval" in said
    assert "they say nothing about other data" in " ".join(said.split())
    assert not any(word in said for word in ("significant", "better", "worse", "improve"))


def test_a_single_pair_is_said_to_have_no_interval(tmp_path):
    for name in ("small", "student"):
        write_result(tmp_path, recipe_of(name), 5, 0)
    assert "needs two pairs" in line_of(text(tmp_path), "student - small", "macro")


def test_one_recipe_has_no_differences(tmp_path):
    write_result(tmp_path, recipe_of("small"), 5, 0)
    assert "minus" not in text(tmp_path)


def test_published_rows_stand_apart_from_other_data(runs, monkeypatch):
    said = text(runs)
    assert "not invented, whose accuracies cannot be compared with these" in said
    assert "42.40 ± 0.42" in said
    assert "50.29" not in said  # split 25, which no run has
    monkeypatch.setattr("submission.results.text.TEST_CLIPS", 360)
    assert "360 test clips, as many as here" in text(runs)


def test_published_rows_are_those_of_the_sheets():
    tested = [row for row in PUBLISHED if row.system == "DCASE 2024 baseline"]
    assert [row.accuracy for row in tested if row.tested_on == TEST] == [
        42.40, 45.29, 50.29, 53.19, 56.99,
    ]  # fmt: skip
    evaluated = [row.accuracy for row in tested if row.tested_on == EVALUATION]
    assert round(sum(evaluated) / 5, 2) == 50.73  # published as their mean
    assert tuple(row.split for row in tested if row.tested_on == TEST) == SPLITS
    whole = next(row for row in tested if row.groups)
    # Shares of the devices' clips: 3,300 of a, 3,290 of b and c, 3,300 of each other.
    assert whole.by_group["real"] == pytest.approx(
        (67.17 * 3300 + 59.67 * 3290 + 61.99 * 3290) / 9880, abs=0.01
    )
    assert TEST_CLIPS == 3 * 3290 + 6 * 3300 + 10  # a has ten more than b and c
    assert all(set(row.by_group) == set(DEVICE_GROUPS) for row in PUBLISHED)
    for row in PUBLISHED:
        if row.plain:  # the groups are of equal size, so their mean is the whole
            assert sum(row.groups) / 3 == pytest.approx(row.accuracy, abs=0.02), row


def test_json_and_csv_hold_what_the_tables_hold(runs):
    found = report(read_results(runs))
    as_json = json.loads(json.dumps(to_json(found), allow_nan=False))
    assert len(as_json["runs"]) == 12
    assert {row["recipe"] for row in as_json["means"]} == {"small", "student"}
    assert as_json["differences"][0]["interval"]["n"] == 3
    rows = list(csv.DictReader(to_csv(found).splitlines()))
    kinds = [row["kind"] for row in rows]
    assert kinds.count("run") == 12 * 4
    assert kinds.count("mean") == 6 * 4  # two splits and their mean for each recipe
    assert kinds.count("difference") == 3 * 4
    mean = next(row for row in rows if row["kind"] == "mean" and row["splits"] == "5 100")
    seeds = {}
    for row in rows:
        if (row["kind"], row["recipe"], row["measure"]) == ("run", "small", "macro"):
            seeds.setdefault(row["seed"], []).append(float(row["value"]))
    expected = sum(sum(values) / 2 for values in seeds.values()) / 3
    assert float(mean["value"]) == pytest.approx(expected, rel=1e-12)


def test_the_verb_prints_and_writes(runs, tmp_path, capsys):
    table = tmp_path / "table.csv"
    assert tinyscene.main(["results", str(runs), "--csv", str(table), "--against", "small"]) == 0
    assert "student - small" in capsys.readouterr().out
    assert table.read_text().startswith("kind,recipe,against,system,splits,seed,measure,n,value")
    assert tinyscene.main(["results", str(runs), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"] == "/data/invented"
