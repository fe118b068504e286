"""How sure the float network was of the decisions that an int8 file of it takes otherwise."""

from __future__ import annotations

import numpy as np

from baseline.run import Run


def largest_overruled_margin(run: Run, system: str) -> float:
    """Largest lead of the first scene over the second, in float probabilities, that is overruled.

    A share of agreeing decisions says little of a hardly trained network: its scenes lie closer
    together than one int8 step. Only the overruling of a clear decision is an error.
    """
    expected = np.load(run.probabilities_file("torch-fp32"))
    decided = np.load(run.probabilities_file(system)).argmax(axis=1)
    second, first = np.sort(expected, axis=1)[:, -2:].T
    overruled = decided != expected.argmax(axis=1)
    return float((first - second)[overruled].max(initial=0))
