"""Reading YAML that others wrote: no Python tags, alias bombs or repeated keys; line numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_BYTES = 60_000
"""Six times a long meta.yaml; some texts take a time that grows with the square."""

MAX_NODES = 5_000
"""Keys and values after following all aliases; a meta.yaml has about 700."""

MAX_DEPTH = 30
"""A meta.yaml is seven levels deep."""

KeyPath = tuple[str, ...]
"""Keys and list positions from the top to a value, as text."""

KNOWN_TAGS = frozenset(yaml.SafeLoader.yaml_constructors) | {
    "tag:yaml.org,2002:merge",
    "tag:yaml.org,2002:value",
}


@dataclass(frozen=True)
class Flaw:
    """Something wrong with a YAML text."""

    code: str
    """Of the rule in `submission.rules.catalogue.RULES`."""
    message: str
    line: int | None = None


@dataclass(frozen=True)
class Document:
    """A YAML text's values and where they stand."""

    values: Any
    """None where the text cannot be read."""
    flaws: list[Flaw] = field(default_factory=list)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    """Line of each key or list item, from 1."""

    def line(self, path: KeyPath) -> int | None:
        """The line of a value, or of the nearest thing around it that is there."""
        places = (self.lines.get(path[:length]) for length in range(len(path), -1, -1))
        return next((line for line in places if line is not None), None)


class _TooLargeError(Exception):
    """More values or levels than any meta.yaml has."""


class _BoundedLoader(yaml.SafeLoader):
    """Stops at the first value too many, instead of composing all of them."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.nodes = self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.nodes += 1
        self.depth += 1
        if self.nodes > MAX_NODES or self.depth > MAX_DEPTH:
            raise _TooLargeError
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_yaml(data: bytes) -> Document:
    """Read one YAML document with the safe loader; what is wrong with it is in `flaws`."""
    if len(data) > MAX_BYTES:
        return _unreadable("S301", f"found more than {MAX_BYTES:,} bytes, expected a short text.")
    try:
        node = yaml.compose(data.decode("utf-8-sig"), _BoundedLoader)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _unreadable("S301", "found a byte that is not UTF-8, expected UTF-8 text.", line)
    except yaml.YAMLError as error:
        return _syntax_flaw(error)
    except _TooLargeError:
        message = f"found more than {MAX_NODES:,} values or {MAX_DEPTH} levels"
        return _unreadable("S303", f"{message}, expected a meta.yaml's few hundred values.")
    if node is None:
        return _unreadable("S301", "found nothing, expected keys and values.", 1)
    return _construct(node)


def _unreadable(code: str, message: str, line: int | None = None) -> Document:
    return Document(None, [Flaw(code, message, line)])


def _syntax_flaw(error: yaml.YAMLError) -> Document:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or " ".join(str(error).split())
    message = f"found text that is not YAML ({reason}), expected keys and values."
    return _unreadable("S301", message, mark.line + 1 if mark else None)


def _construct(node: yaml.Node) -> Document:
    flaws: list[Flaw] = []
    lines: dict[KeyPath, int] = {}
    for count, (path, depth, child) in enumerate(_walk(node)):
        if count > MAX_NODES or depth > MAX_DEPTH:
            message = "aliases make it huge or endless, expected a short plain text."
            return Document(None, [*flaws, Flaw("S303", message, _line(child))])
        lines.setdefault(path, _line(child))
        flaws += _node_flaws(child)
    flaws = list(dict.fromkeys(flaws))  # an alias repeats what is wrong with its anchor
    if any(flaw.code == "S302" for flaw in flaws):
        return Document(None, flaws, lines)
    try:
        values = yaml.SafeLoader("").construct_document(node)
    except Exception as error:  # a forced tag such as `!!bool perhaps` fails in any way
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        message = f"found a value that does not fit its tag ({reason}), expected a plain one."
        mark = getattr(error, "problem_mark", None)
        return Document(None, [*flaws, Flaw("S301", message, mark.line + 1 if mark else None)])
    return Document(values, flaws, lines)


def _walk(top: yaml.Node) -> Iterator[tuple[KeyPath, int, yaml.Node]]:
    """All nodes with their paths, following aliases; keys come with the path of their value."""
    waiting: list[tuple[KeyPath, int, yaml.Node]] = [((), 0, top)]
    while waiting:
        path, depth, node = waiting.pop()
        yield path, depth, node
        if isinstance(node, yaml.SequenceNode):
            items = [((*path, str(i)), depth + 1, child) for i, child in enumerate(node.value)]
            waiting += reversed(items)
        elif isinstance(node, yaml.MappingNode):
            for key, value in reversed(node.value):
                place = (*path, str(key.value)[:100])
                waiting += [(place, depth + 1, value), (place, depth + 1, key)]


def _node_flaws(node: yaml.Node) -> Iterator[Flaw]:
    if node.tag not in KNOWN_TAGS:
        message = f"found the tag {_short(node.tag)}, expected plain values."
        yield Flaw("S302", message, _line(node))
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                yield Flaw("S304", f"found the key '{key.value[:60]}' again.", _line(key))
            seen.add(str(key.value))


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")[:60]


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1
