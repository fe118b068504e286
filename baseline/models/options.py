"""Options of a network: keyword arguments of its builder, checked by their annotations."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import ConfigDict, ValidationError, validate_call
from torch import nn

from deploy.errors import InputError, suggestion


def build_with(name: str, build: Callable[..., nn.Module], options: Mapping[str, Any]) -> nn.Module:
    """What a builder makes of options, such as `{"width": 64}`.

    Args:
        name: of the network, for the messages.
        build: with keyword-only arguments whose annotations tell types and ranges.
        options: read from YAML, so that a list may stand for a tuple.

    Raises:
        InputError: an option that the builder does not know, of another type or out of its range.
    """
    require_known(name, build, options)
    try:
        return validate_call(config=ConfigDict(allow_inf_nan=False))(build)(**options)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise InputError(
            f"network {name}: option '{where}': {problem['msg']}, found "
            f"{reprlib.repr(problem['input'])}; change it."
        ) from error
    except InputError as error:
        raise InputError(f"network {name}: {error}") from error


def defaults(build: Callable[..., Any]) -> dict[str, Any]:
    """The options that a builder takes, with the values they have where none is given."""
    parameters = inspect.signature(build).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


def require_known(name: str, build: Callable[..., Any], options: Iterable[str]) -> None:
    """Refuse options that a function does not take.

    Raises:
        InputError: such an option; the message names the nearest that there is.
    """
    known, takes_any = _keywords(build)
    for option in options:
        if option not in known and not takes_any:
            hint = suggestion(option, known) if known else "; it takes none, leave it out."
            raise InputError(f"network {name}: has no option '{option}'{hint}")


def _keywords(build: Callable[..., Any]) -> tuple[list[str], bool]:
    """The keyword arguments that a function names, and whether it takes any other."""
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(build).parameters.values()
    except ValueError:  # of something written in C
        return [], True
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    return [parameter.name for parameter in parameters if parameter.kind in named], takes_any
