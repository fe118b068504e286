"""The budget of a run, recipe, network or model file against the challenge's limits."""

from __future__ import annotations

from pathlib import Path

from baseline import complexity
from baseline.complexity import BITS, Complexity
from baseline.models import NETWORKS, create
from baseline.models.user_network import load_user_network
from baseline.recipe import Recipe, load_recipe, recipe_names
from baseline.run import Run, open_run
from deploy.errors import InputError, suggestion
from quantize.graphs.complexity import measure_file
from quantize.system_names import available_systems
from submission.budget_text import render, to_json
from submission.file_budget import MODEL_SUFFIXES, file_budget
from submission.verdict import Budget, deployment_notes, network_notes

__all__ = ["Budget", "count_recipe", "render", "resolve", "to_json"]

DEFAULT_FRONT_END: str = Recipe.model_fields["front_end"].default
"""Whose log-mel a network of the user's own is counted on."""
DEFAULT_PRECISION: str = Recipe.model_fields["precision"].default

RECIPE_SUFFIXES = (".yaml", ".yml")

Shape = tuple[int, ...]


def resolve(
    target: str, *, precision: str | None = None, input_shape: Shape | None = None
) -> Budget:
    """Find out what a target names, and count it.

    Args:
        target: a run folder, an .onnx or .tflite file, a recipe's name or YAML file, a registered
            network's name, or `module:function` of the current folder; looked up in this order.
        precision: `fp32`, `fp16` or `int8`; by default the recipe's, or fp16 where there is none.
            A file has its own.
        input_shape: log-mel (1, 1, mels, frames); by default that of the recipe's front end, or of
            the one that a network was published with. A run and a .tflite file have their own.

    Raises:
        InputError: nothing of that name, or something that cannot be counted.
    """
    if precision is not None and precision not in BITS:
        raise InputError(f"precision '{precision}' is unknown; choose one of {', '.join(BITS)}.")
    path = Path(target)
    if Run(path).record_file.is_file():
        return _run_budget(open_run(path, trained=False), precision, input_shape)
    if path.suffix in MODEL_SUFFIXES:
        return file_budget(path, precision, input_shape)
    if target in recipe_names() or path.suffix in RECIPE_SUFFIXES:
        counted = count_recipe(load_recipe(target), precision, input_shape)
        return Budget(target, counted, notes=network_notes(counted))
    if target in NETWORKS or ":" in target:
        return _network_budget(target, precision, input_shape)
    raise InputError(_unknown(path))


def count_recipe(
    recipe: Recipe, precision: str | None = None, input_shape: Shape | None = None
) -> Complexity:
    """The complexity of a recipe's network, at the recipe's precision and front end by default."""
    return complexity.measure(
        create(recipe.network, **recipe.network_options),
        input_shape or complexity.input_shape(recipe.front_end),
        name=recipe.network,
        precision=precision or recipe.precision,
    )


def _run_budget(run: Run, precision: str | None, input_shape: Shape | None) -> Budget:
    if input_shape is not None:
        raise InputError(f"{run.folder}: has an input shape of its own; leave --input-shape out.")
    counted = count_recipe(run.recipe, precision)
    files = [run.model_file(system) for system in available_systems(run)]
    deployed = tuple(measure_file(file) for file in files if file.is_file())
    about_files = [note for file in deployed for note in deployment_notes(file)]
    return Budget(str(run.folder), counted, deployed, (*network_notes(counted), *about_files))


def _network_budget(target: str, precision: str | None, input_shape: Shape | None) -> Budget:
    known = target in NETWORKS
    front_end = NETWORKS[target].front_end if known else DEFAULT_FRONT_END
    counted = complexity.measure(
        create(target) if known else load_user_network(target),
        input_shape or complexity.input_shape(front_end),
        name=target,
        precision=precision or DEFAULT_PRECISION,
    )
    return Budget(target, counted, notes=network_notes(counted))


def _unknown(path: Path) -> str:
    if path.is_dir():
        return f"{path}: is not a run folder; give one that `tinyscene train` wrote."
    if path.is_file():
        kinds = ", ".join((*MODEL_SUFFIXES, *RECIPE_SUFFIXES))
        return f"{path}: found a '{path.suffix}' file, expected one of {kinds}."
    names = sorted({*recipe_names(), *NETWORKS})
    return (
        f"'{path}' is neither a run folder, a file, module:function nor one of {', '.join(names)}"
        f"{suggestion(str(path), names)}"
    )
