"""The rules for resources beside the challenge's data: a system declares them (S508, S509)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from baseline.run import Run
from deploy.errors import InputError
from submission.rules.faults import Fault, examples
from submission.rules.learnt_from import Resource, ancestors, resources
from submission.rules.metadata import value_at
from submission.safe_yaml import Document, KeyPath

EXTERNAL: KeyPath = ("system", "external_datasets")


def check_external(document: Document, run: Run, file: str) -> Iterator[Fault]:
    """Check that a meta.yaml declares what a run, its teachers and its first weights used.

    A name is compared only for the data of published weights: any declaration may stand for a
    folder of impulse responses.
    """
    used = _used(run)
    if not used:
        return
    line, declared = document.line(EXTERNAL), _declared(document)
    if not declared:
        found = f"key '{'.'.join(EXTERNAL)}': found none, but {run.folder} used"
        names = examples([resource.name for resource in used])
        yield Fault("S508", file, f"{found} {names}, expected an entry for each.", line)
        return
    for resource in used:
        if resource.dataset and not any(_same(resource.dataset, name) for name in declared):
            found = f"key '{'.'.join(EXTERNAL)}': found {examples(declared)}, expected"
            message = f"{found} {resource.dataset} as well, for {resource.name} of {run.folder}."
            yield Fault("S509", file, message, line)


def _used(run: Run) -> list[Resource]:
    used = resources(run)
    with suppress(InputError):  # S510 tells which of them cannot be found
        for ancestor in ancestors(run):
            used += resources(ancestor)
    return list(dict.fromkeys(used))


def _declared(document: Document) -> list[str]:
    entries = value_at(document.values, EXTERNAL)
    entries = entries if isinstance(entries, list) else []
    return [str(value_at(entry, ("name",))) for entry in entries]


def _same(dataset: str, declared: str) -> bool:
    first, second = (re.sub(r"[^a-z0-9]", "", name.casefold()) for name in (dataset, declared))
    return first in second
