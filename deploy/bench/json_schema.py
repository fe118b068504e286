"""Checking JSON against the part of JSON Schema that our schemas use, where no package does it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

KEYWORDS = {
    "$defs",
    "$id",
    "$ref",
    "$schema",
    "additionalProperties",
    "const",
    "description",
    "enum",
    "exclusiveMinimum",
    "items",
    "minimum",
    "properties",
    "required",
    "title",
    "type",
}
"""What a schema may use."""

LARGEST = 2**53
"""Beyond it, programs do not agree on JSON's numbers (RFC 8259, section 6)."""

TYPES: dict[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and value == int(value),
    "null": lambda value: value is None,
    "number": lambda value: _is_number(value),
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
}


def mismatch(value: Any, schema: dict[str, Any]) -> str | None:
    """The first way in which a value does not fit, such as 'calls: found "x", expected integer'.

    Args:
        value: what `json.loads` gives.
        schema: JSON Schema (2020-12) of no other keywords than `KEYWORDS`; references only to its
            own $defs.

    Returns:
        None where it fits.
    """
    return next(_mismatches(value, schema, schema.get("$defs", {}), ""), None)


def _mismatches(
    value: Any, schema: dict[str, Any], definitions: dict[str, Any], place: str
) -> Iterator[str]:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        yield from _mismatches(value, definitions[name], definitions, place)
    if expected := _unmet(value, schema):
        yield f"{place or 'the whole'}: found {_shown(value)}, expected {expected}"
    elif isinstance(value, dict):
        yield from _object_mismatches(value, schema, definitions, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            inside = schema.get("items", {})
            yield from _mismatches(item, inside, definitions, f"{place}[{index}]")


def _object_mismatches(
    value: dict[str, Any], schema: dict[str, Any], definitions: dict[str, Any], place: str
) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", []):
        if name not in value:
            yield f"{_joined(place, name)}: is missing"
    for name, item in value.items():
        inside = known.get(name, others)
        if inside is False:
            yield f"{_joined(place, name)}: is unknown"
        elif inside is not True:
            yield from _mismatches(item, inside, definitions, _joined(place, name))


def _unmet(value: Any, schema: dict[str, Any]) -> str | None:
    """What a schema expects of the value itself where it is not so."""
    types = schema.get("type", [])
    names = [types] if isinstance(types, str) else types
    if names and not any(TYPES[name](value) for name in names):
        return " or ".join(names)
    if "const" in schema and not _equal(value, schema["const"]):
        return _shown(schema["const"])
    if "enum" in schema and not any(_equal(value, word) for word in schema["enum"]):
        return " or ".join(map(_shown, schema["enum"]))
    if _is_number(value) and value < schema.get("minimum", -math.inf):
        return f"at least {schema['minimum']}"
    if _is_number(value) and value <= schema.get("exclusiveMinimum", -math.inf):
        return f"more than {schema['exclusiveMinimum']}"
    return None


def _equal(one: Any, other: Any) -> bool:
    """As in JSON, where true is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _is_number(value: Any) -> bool:
    """Python reads NaN and Infinity too, which JSON does not have."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return -LARGEST <= value <= LARGEST


def _joined(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
