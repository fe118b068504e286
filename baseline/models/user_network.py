"""A network of the user's own, given as `module:function`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from baseline.models.options import require_known
from deploy.errors import InputError, suggestion


def load_user_network(target: str, options: Mapping[str, Any] | None = None) -> nn.Module:
    """The network that `module:function` gives; the module is looked for in the current folder.

    Args:
        target: such as `my_networks:small`: a function or class to call with the options, or a
            network that stands in the module ready-made.
        options: keyword arguments by name; none by default.

    Raises:
        InputError: no such module or function, or it does not take the options, fails or gives
            something else.
    """
    module_name, _, function_name = target.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), function_name)):
        raise InputError(f"{target}: expected module:function, such as my_networks:small.")
    with _current_folder_first():
        made = _call(target, _attribute(_import(module_name), function_name), options or {})
    if not isinstance(made, nn.Module):
        raise InputError(
            f"{target}: gave an object of type {type(made).__name__}, expected a torch.nn.Module."
        )
    return made


@contextmanager
def _current_folder_first() -> Iterator[None]:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(folder)


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # A module that the user's own imports but is missing is reported by that name.
        raise InputError(
            f"module {error.name} is neither in {Path.cwd()} nor installed; check the name, or go "
            "to the folder that holds it."
        ) from error
    except (Exception, SystemExit) as error:
        raise InputError(f"module {name}: cannot be imported ({_describe(error)}).") from error


def _attribute(module: ModuleType, name: str) -> Any:
    if not hasattr(module, name):
        public = [other for other in vars(module) if not other.startswith("_")]
        raise InputError(
            f"module {module.__name__}: has no function '{name}'{suggestion(name, public)}"
        )
    return getattr(module, name)


def _call(target: str, function: Any, options: Mapping[str, Any]) -> Any:
    if isinstance(function, nn.Module):
        require_known(target, lambda: function, options)
        return function
    if not callable(function):
        raise InputError(
            f"{target}: is an object of type {type(function).__name__}, expected a function that "
            "returns a torch.nn.Module."
        )
    require_known(target, function, options)
    try:
        return function(**options)
    except (Exception, SystemExit) as error:
        given = f"with options {', '.join(options)}" if options else "without arguments"
        raise InputError(f"{target}: cannot be called {given} ({_describe(error)}).") from error


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
