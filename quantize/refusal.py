"""What to say when a converter refuses an operator of the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import nn

from deploy.errors import InputError

OPERATOR = re.compile(r"torch\.ops\.\w+\.(\w+)")
"""How torch's exporter and litert-torch name an operator in their errors."""


@contextmanager
def refuse_operator(place: Path, network: nn.Module, example: np.ndarray) -> Iterator[None]:
    """Turn a converter's error about an operator into one sentence.

    Args:
        place: what to name first in it.
        example: log-mel (1, 1, mels, frames), to find the module that the operator came from.

    Raises:
        InputError: the error named an operator; any other goes on its way.
    """
    try:
        yield
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:  # torch.onnx and litert-torch raise classes of their own
        operators = [name for text in _messages(error) for name in OPERATOR.findall(text)]
        if not operators:
            raise
        raise InputError(
            f"{place}: operator {operators[0]}{_module_of(operators[0], network, example)} cannot "
            "be converted; replace it in the network."
        ) from error


def _messages(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield str(error)
        error = error.__cause__ or error.__context__


def _module_of(operator: str, network: nn.Module, example: np.ndarray) -> str:
    exported = torch.export.export(network, (torch.from_numpy(example),))
    for program in (exported, exported.run_decompositions()):
        for node in program.graph.nodes:
            if operator in str(node.target):
                modules = list(node.meta.get("nn_module_stack", {}).values())
                return f" of module '{modules[-1][0]}'" if modules and modules[-1][0] else ""
    return ""
