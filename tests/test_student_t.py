"""Quantiles of Student's t against printed tables and scipy."""

import math

import numpy as np
import pytest

from submission.results.student_t import regularised_incomplete_beta, two_sided_quantile

# NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2: upper critical values, two-sided 95 %.
TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 15: 2.131, 30: 2.042}


@pytest.mark.parametrize(("degrees", "value"), TABLE.items())
def test_quantiles_are_those_of_the_table(degrees, value):
    assert round(two_sided_quantile(0.95, degrees), 3) == value


def test_quantiles_that_have_a_formula():
    # With one degree of freedom Cauchy's distribution, with two t = c * sqrt(2 / (1 - c^2)).
    for confidence in (0.01, 0.5, 0.9, 0.999):
        cauchy = math.tan(math.pi * confidence / 2)
        assert two_sided_quantile(confidence, 1) == pytest.approx(cauchy, rel=1e-10)
        second = confidence * math.sqrt(2 / (1 - confidence**2))
        assert two_sided_quantile(confidence, 2) == pytest.approx(second, rel=1e-10)
    assert two_sided_quantile(0.95, 10**7) == pytest.approx(1.959963984540054, rel=1e-6)  # normal


def test_quantiles_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    for degrees in (*range(1, 60), 100, 999):
        for confidence in (0.5, 0.8, 0.95, 0.999):
            expected = stats.t.ppf((1 + confidence) / 2, degrees)
            assert two_sided_quantile(confidence, degrees) == pytest.approx(expected, rel=1e-10)


def test_the_incomplete_beta_function_is_that_of_scipy():
    special = pytest.importorskip("scipy.special")
    generator = np.random.default_rng(0)
    for a, b, x in zip(*generator.uniform(0.1, 50, (2, 500)), generator.random(500), strict=True):
        expected = special.betainc(a, b, x)
        assert regularised_incomplete_beta(a, b, x) == pytest.approx(
            expected, rel=1e-10, abs=1e-290
        )
    assert regularised_incomplete_beta(2, 3, 0) == 0
    assert regularised_incomplete_beta(2, 3, 1) == 1


@pytest.mark.parametrize(("confidence", "degrees"), [(0, 5), (1, 5), (0.95, 0), (math.nan, 5)])
def test_what_has_no_quantile_is_refused(confidence, degrees):
    with pytest.raises(ValueError, match="out of range"):
        two_sided_quantile(confidence, degrees)
