"""Prints what an extra of pyproject.toml requires, one requirement a line, for `pip install -r`.

pip installs dependencies only together with the project. In an image they come first, alone, so
that an edited source file does not make the next build install torch again.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any


def requirements(project: dict[str, Any], extra: str) -> list[str]:
    """Requirements of an extra, in place of the project's other extras those that they name.

    Args:
        project: the table `project` of pyproject.toml.

    Raises:
        KeyError: there is no such extra.
    """
    own = re.compile(rf"{re.escape(project['name'])}\[(.+)\]")
    found: list[str] = []
    for requirement in project["optional-dependencies"][extra]:
        named = own.fullmatch(requirement)
        if named is None:
            found.append(requirement)
            continue
        for other in named[1].split(","):
            found += requirements(project, other.strip())
    return found


def main(extra: str) -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    try:
        print(*project["dependencies"], *requirements(project, extra), sep="\n")
    except KeyError as error:
        sys.exit(f"pyproject.toml: has no extra {error}; add it or name another.")


if __name__ == "__main__":
    main(sys.argv[1])
