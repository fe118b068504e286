"""The network of a run with its trained weights."""

from __future__ import annotations

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from baseline import models
from baseline.models.damping import fold_damping
from baseline.run import Run
from deploy.errors import InputError

MAX_REASON = 200
"""Characters shown of torch's list of what does not fit."""


def load_network(run: Run) -> nn.Module:
    """The run's trained network in evaluation mode, on the CPU, frequency damping folded.

    Raises:
        InputError: weights missing, damaged, of another network, or not finite.
    """
    network = models.create(run.recipe.network, **run.recipe.network_options)
    try:
        network.load_state_dict(load_file(run.weights_file))
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{run.weights_file}: cannot be read as weights ({error}); train again."
        ) from error
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{run.weights_file}: does not fit network {run.recipe.network} "
            f"({reason[:MAX_REASON]}); train again."
        ) from error
    _require_finite(run, network)
    fold_damping(network)
    return network.eval()


def _require_finite(run: Run, network: nn.Module) -> None:
    for name, value in network.state_dict().items():
        if not value.isfinite().all():
            raise InputError(
                f"{run.weights_file}: {name} holds NaN or infinite weights; train again with a "
                "smaller learning rate."
            )
