"""Typed sections of YAML files, and their problems as sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from deploy.errors import suggestion
from submission.safe_yaml import KeyPath

UNKNOWN, MISSING, WRONG_TYPE, NOT_ALLOWED = "S305", "S306", "S307", "S308"
"""Codes of the rules for any key; a validator's own error carries its code as its type."""

CODE = r"S\d{3}"
CODES = {"extra_forbidden": UNKNOWN, "invalid_key": UNKNOWN, "missing": MISSING}
OUT_OF_RANGE = ("greater_than", "less_than", "finite_number", "too_short", "too_long")
"""Beginnings or ends of pydantic's error types that are about the value and not about its type."""

EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "invalid_key": "a key that is text",
    "finite_number": "a finite number",
    "string_too_short": "some text",
    "too_short": "at least one item",
}
"""pydantic's error types and what to say was expected."""

MAX_SHOWN = 60
"""Characters shown of a value."""


class Section(BaseModel):
    """Keys and values: unknown keys are refused, types are not converted, nothing changes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True)
class Problem:
    """What is wrong with a value."""

    code: str
    path: KeyPath
    message: str
    """One sentence that names the key."""


def failure(code: str, message: str) -> PydanticCustomError:
    """An error for a validator to raise: the broken rule, and what was found and expected."""
    # pydantic would take braces in the message for fields to fill in.
    return PydanticCustomError(code, "{text}", {"text": message})


def keys(names: Iterable[str]) -> WrapValidator:
    """A validator of dicts: exactly these keys; problems of the values are told as well."""
    expected = tuple(names)

    def check(values: Any, validate_values: ValidatorFunctionWrapHandler) -> Any:
        errors = list(_key_errors(values, expected)) if isinstance(values, dict) else []
        try:
            result = validate_values(values)
        except ValidationError as error:
            errors += map(_raisable, error.errors(include_url=False))
        if errors:
            raise ValidationError.from_exception_data("keys", errors)
        return result

    return WrapValidator(check)


def _key_errors(values: dict[str, Any], expected: Sequence[str]) -> Iterator[InitErrorDetails]:
    missing = [name for name in expected if name not in values]
    for name in missing:
        yield InitErrorDetails(type="missing", loc=(name,), input=values)
    for name in values:
        if name not in expected:
            text = f"is unknown{suggestion(str(name), missing or expected)}"
            yield InitErrorDetails(type=failure(UNKNOWN, text), loc=(str(name),), input=name)


def _raisable(details: ErrorDetails) -> InitErrorDetails:
    kind: str | PydanticCustomError = details["type"]
    if re.fullmatch(CODE, details["type"]):
        kind = failure(details["type"], details["msg"])
    return InitErrorDetails(
        type=kind, loc=details["loc"], input=details["input"], ctx=details.get("ctx", {})
    )


def _check_tags(value: object) -> object:
    texts = value if isinstance(value, list) else [value]
    if value is not None and not all(isinstance(text, str) and text for text in texts):
        raise failure(WRONG_TYPE, f"found {_shown(value)}, expected text, a list of texts or null")
    return value


def _check_email(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise failure(NOT_ALLOWED, f"found {_shown(value)}, expected an e-mail address")
    return value


Text = Annotated[str, Field(min_length=1)]
Email = Annotated[str, AfterValidator(_check_email)]
Tags = Annotated[str | list[str] | None, PlainValidator(_check_tags)]
"""General tags of a system: text such as `mixup, freq-mixstyle`, or a list of them."""


def problems(model: type[BaseModel], values: object) -> list[Problem]:
    """Everything that is wrong with values that should be of a model."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return [_problem(model, details) for details in error.errors(include_url=False)]
    return []


def _problem(model: type[BaseModel], details: ErrorDetails) -> Problem:
    path = tuple(map(str, details["loc"]))
    name = f"key '{'.'.join(path)}'" if path else "the whole"
    kind = details["type"]
    if kind == "extra_forbidden":
        valid = _field_names(model, path[:-1])
        message = f"unknown {name}{suggestion(path[-1], valid)}"
    elif kind == "missing":
        message = f"{name} is missing."
    else:
        message = f"{name}: {_expectation(details)}"
        message += "" if message.endswith("?") else "."
    return Problem(_code(kind), path, message)


def _code(kind: str) -> str:
    if re.fullmatch(CODE, kind):
        return kind
    is_range = kind.startswith(OUT_OF_RANGE) or kind.endswith(OUT_OF_RANGE)
    return CODES.get(kind, NOT_ALLOWED if is_range else WRONG_TYPE)


def _expectation(details: ErrorDetails) -> str:
    kind = details["type"]
    if re.fullmatch(CODE, kind):
        return details["msg"]
    context = details.get("ctx", {})
    bounds = [f"{text} {context[key]:g}" for key, text in BOUNDS.items() if key in context]
    expected = EXPECTED.get(kind) or "".join(bounds) or details["msg"].lower()
    return f"found {_shown(details['input'])}, expected {expected}"


BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def _shown(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "..."


def _field_names(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Keys that a model has at a path."""
    sections: list[Any] = [model]
    for part in path:
        found = [section.model_fields.get(part) for section in sections]
        inner = [field.annotation for field in found if field is not None]
        # A position in a list or a key of a dict leads to the same sections.
        sections = [section for kind in inner for section in _sections(kind)] or sections
    return [name for section in sections for name in section.model_fields]


def _sections(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _sections(inner)
