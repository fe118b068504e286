"""Dockerfiles read as far as ours go: comments, continued lines, stages, ARG with a default."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from conftest import ROOT

FOLDER = ROOT / "docker"
FILES = sorted(path.name for path in FOLDER.glob("*.Dockerfile"))


@dataclass(frozen=True)
class Instruction:
    """One instruction such as `COPY --from=wheel /dist /dist`."""

    word: str
    text: str
    """What follows the word, on one line, with ARGs filled in."""

    @property
    def options(self) -> dict[str, str]:
        """Of those that stand before anything else, `from` of `--from=wheel` and its value."""
        leading = re.match(r"(--\S+\s+)*", self.text)
        assert leading is not None
        pairs = [option[2:].partition("=") for option in leading[0].split()]
        return {name: value for name, _, value in pairs}

    @property
    def rest(self) -> str:
        """What follows the options."""
        return re.sub(r"^(--\S+\s+)*", "", self.text)

    @property
    def words(self) -> list[str]:
        return shlex.split(self.rest)


@dataclass
class Stage:
    """What stands between one FROM and the next."""

    base: str
    """Image, or name of an earlier stage."""
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[Instruction]:
        return [found for found in self.instructions if found.word == word]


def stages(text: str, **arguments: str) -> list[Stage]:
    """The stages of a Dockerfile in order; the last one is the image.

    Args:
        arguments: as `--build-arg`.
    """
    found: list[Stage] = []
    known = {"BUILDPLATFORM": "linux/amd64"}
    for instruction in _instructions(text):
        if instruction.word == "ARG":
            name, _, default = instruction.text.partition("=")
            known[name] = arguments.get(name, default or known.get(name, ""))
        filled = Instruction(instruction.word, _filled(instruction.text, known))
        if instruction.word == "FROM":
            base, *name = filled.words
            found.append(Stage(base, name[1] if name else ""))
        elif found:
            found[-1].instructions.append(filled)
    return found


def _instructions(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if not re.match(r"\s*(#|$)", line)]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = [line.split(maxsplit=1) for line in joined.splitlines()]
    return [Instruction(word.upper(), rest.strip()) for word, rest in pairs]


def _filled(text: str, known: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda found: known.get(found[1], found[0]), text)


def allowed() -> list[str]:
    """Files and folders that .dockerignore, which excludes all others, lets through."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    return [line[1:] for line in lines if line.startswith("!")]


def is_sent(path: str) -> bool:
    """Whether a path of the tree, or something in it, reaches the builder."""
    return (ROOT / path).exists() and any(
        path == "." or Path(path).is_relative_to(name) for name in allowed()
    )
