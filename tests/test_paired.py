"""Means and paired differences against pandas, numpy and scipy, from the same run folders."""

import itertools

import numpy as np
import pandas as pd
import pytest

from deploy.errors import InputError
from deploy.files import read_json
from submission.results.folder import read_results
from submission.results.paired import differences, paired_interval
from submission.results.scored_runs import MEASURES
from submission.results.spread import cells, spread
from tests.result_runs import recipe_of, write_result

SPLITS = (5, 25, 100)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three recipes; `teacher` lacks a split, and seed 3 of `small` lacks another."""
    folder = tmp_path_factory.mktemp("runs")
    for (name, gain), split, seed in itertools.product(
        (("small", 0.0), ("student", 0.05), ("teacher", 0.2)), SPLITS, range(4)
    ):
        missing = (name, split) == ("teacher", 5) or (name, split, seed) == ("small", 25, 3)
        if not missing:
            write_result(folder, recipe_of(name), split, seed, accuracy=0.4 + split / 400 + gain)
    return folder


@pytest.fixture(scope="module")
def table(runs):
    """The same, read with pandas from the JSON files: a row a run."""
    rows = []
    for path in runs.iterdir():
        scores = read_json(path / "evaluation" / "torch-fp16.json")
        name, split, seed = path.name.rsplit("-", 2)
        groups = {group: row["accuracy"] for group, row in scores["groups"].items()}
        place = {"recipe": name, "split": int(split[5:]), "seed": int(seed[4:])}
        rows.append({**place, "macro": scores["macro_accuracy"], **groups})
    return pd.DataFrame(rows)


def test_means_and_deviations_are_those_of_pandas(runs, table):
    found = {(cell.recipe, cell.splits): cell.spreads for cell in cells(read_results(runs))}
    alone = {key: row for key, row in found.items() if len(key[1]) == 1}
    assert len(alone) == 8
    for (recipe, (split,)), spreads in alone.items():
        mine = table[(table.recipe == recipe) & (table.split == split)]
        assert set(spreads) == set(MEASURES)
        for measure, row in spreads.items():
            assert row.n == len(mine)
            assert row.mean == pytest.approx(mine[measure].mean(), rel=1e-12)
            assert row.deviation == pytest.approx(mine[measure].std(ddof=1), rel=1e-12)


def test_the_mean_of_splits_counts_seeds_that_have_them_all(runs, table):
    found = {(cell.recipe, cell.splits): cell.spreads for cell in cells(read_results(runs))}
    expected = {("small", SPLITS): 3, ("student", SPLITS): 4, ("teacher", (25, 100)): 4}
    assert {key: row["macro"].n for key, row in found.items() if len(key[1]) > 1} == expected
    seeds = table[(table.recipe == "small") & (table.seed < 3)].groupby("seed").unseen.mean()
    row = found["small", SPLITS]["unseen"]
    assert row.mean == pytest.approx(seeds.mean(), rel=1e-12)
    assert row.deviation == pytest.approx(seeds.std(), rel=1e-12)


def test_differences_are_paired_by_split_and_seed(runs, table):
    stats = pytest.importorskip("scipy.stats")
    found = differences(read_results(runs))
    assert {(row.recipe, row.against) for row in found} == {
        ("student", "small"),
        ("teacher", "small"),
        ("teacher", "student"),
    }
    for row in found:
        wide = table[table.split.isin(row.splits)].pivot_table(
            index="seed", columns=["recipe", "split"], values=row.measure
        )
        wide = wide[[row.recipe, row.against]].dropna()
        paired = wide[row.recipe].mean(axis=1) - wide[row.against].mean(axis=1)
        expected = stats.ttest_1samp(paired, 0).confidence_interval(0.95)
        assert row.interval.n == len(paired)
        assert row.interval.mean == pytest.approx(paired.mean(), abs=1e-12)
        assert row.interval.low == pytest.approx(expected.low, abs=1e-10)
        assert row.interval.high == pytest.approx(expected.high, abs=1e-10)
    common = {row.splits for row in found if row.recipe == "teacher"}
    assert common == {(25,), (100,), (25, 100)}
    assert {row.interval.n for row in found if 25 in row.splits and row.against == "small"} == {3}


def test_differences_to_one_recipe_turn_with_it(runs):
    results = read_results(runs)
    to_small = [row for row in differences(results) if row.against == "small"]
    assert differences(results, "small") == to_small
    back = next(row for row in differences(results, "student") if row.recipe == "small")
    forth = next(row for row in to_small if row.recipe == "student")
    assert (back.splits, back.measure) == (forth.splits, forth.measure)
    assert back.interval.mean == pytest.approx(-forth.interval.mean)
    assert back.interval.low == pytest.approx(-forth.interval.high)


def test_an_unknown_recipe_is_refused(runs):
    with pytest.raises(InputError, match=r"--against smal: .* did you mean 'small'\?"):
        differences(read_results(runs), "smal")


def test_an_interval_by_hand():
    # Differences 1, 2, 3: mean 2, deviation 1, t(2) = 4.302653, half width t / sqrt(3).
    interval = paired_interval([1.0, 2.0, 3.0])
    assert interval.low == pytest.approx(2 - 4.302652729911275 / 3**0.5)
    assert interval.high == pytest.approx(2 + 4.302652729911275 / 3**0.5)
    assert interval.includes_zero
    assert paired_interval([1.0, 1.1, 0.9]).includes_zero is False
    assert paired_interval([-1.0, -1.1, -0.9]).includes_zero is False


def test_one_pair_has_no_interval():
    single = paired_interval([0.5])
    assert (single.n, single.mean, single.low, single.high) == (1, 0.5, None, None)
    assert single.includes_zero is None


def test_equal_recipes_differ_by_a_point_that_includes_zero():
    interval = paired_interval([0.0, 0.0])
    assert (interval.low, interval.high, interval.includes_zero) == (0, 0, True)


def test_spreads_of_few_values():
    assert spread([]) == spread(iter(()))
    assert (spread([]).n, spread([]).mean, spread([]).deviation) == (0, None, None)
    assert (spread([0.5]).mean, spread([0.5]).deviation) == (0.5, None)


def test_the_interval_covers_what_it_promises():
    """Of many samples of five, 95 % of the intervals hold the true mean."""
    generator = np.random.default_rng(0)
    samples = generator.normal(0.3, 2, (2000, 5))
    inside = [row.low <= 0.3 <= row.high for row in map(paired_interval, samples.tolist())]
    assert 0.935 < np.mean(inside) < 0.965  # three standard errors
