"""Quantiles of Student's t distribution, without scipy, which nothing of ours needs otherwise."""

from __future__ import annotations

import math

HALVINGS = 1100
"""Of an interval of width 1: enough to end at neighbouring float64 numbers, however small."""

MAX_TERMS = 10_000
CLOSE = 1e-15
"""Change of the continued fraction by a term, relative, at which it is done."""

TINY = 1e-300
"""In the place of a zero that would be divided by."""


def two_sided_quantile(confidence: float, degrees: int) -> float:
    """The t beyond which, on both sides together, 1 - confidence of the distribution lies.

    P(|T| > t) = I_x(degrees / 2, 1 / 2) with x = degrees / (degrees + t^2): M. Abramowitz and
    I. Stegun, Handbook of Mathematical Functions (1964), 26.7.1 and 26.5.27.

    Args:
        confidence: between 0 and 1, both excluded, such as 0.95.
        degrees: of freedom, at least 1.

    Raises:
        ValueError: an argument outside its range.
    """
    if not (0 < confidence < 1 and degrees >= 1):
        raise ValueError(f"confidence {confidence}, degrees {degrees}: out of range")
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if regularised_incomplete_beta(degrees / 2, 0.5, middle) < 1 - confidence:
            low = middle
        else:
            high = middle
    return math.sqrt(degrees * (1 - high) / high)


def regularised_incomplete_beta(a: float, b: float, x: float) -> float:
    """I_x(a, b) for a, b > 0 and x from 0 to 1, both included; relative error about 1e-13.

    The continued fraction of Abramowitz and Stegun 26.5.8, where it converges fast; elsewhere
    I_x(a, b) = 1 - I_(1 - x)(b, a).
    """
    if x in (0, 1):
        return float(x)
    if x > (a + 1) / (a + b + 2):
        return 1 - regularised_incomplete_beta(b, a, 1 - x)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(logarithm + a * math.log(x) + b * math.log1p(-x))
    return front / a * _continued_fraction(a, b, x)


def _continued_fraction(a: float, b: float, x: float) -> float:
    """1 / (1 + d1 / (1 + d2 / (1 + ...))), from the front, by Lentz's method."""
    value, upper, lower = 1.0, 1.0, 0.0
    for term in range(1, MAX_TERMS):
        coefficient = _coefficient(a, b, x, term)
        lower = 1 / ((1 + coefficient * lower) or TINY)
        upper = (1 + coefficient / upper) or TINY
        value *= upper * lower
        if abs(upper * lower - 1) < CLOSE:
            break
    return 1 / value


def _coefficient(a: float, b: float, x: float, term: int) -> float:
    """d(term) of 26.5.8, from 1 on."""
    m = term // 2
    if term % 2:
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
