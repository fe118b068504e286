"""The submission zip, made from the runs of one system and valid before it has its name."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from baseline.run import Run
from deploy.errors import InputError
from deploy.files import replacing
from submission.faults import InvalidPackage, is_valid
from submission.label import TASK, csv_name, metadata_name
from submission.metadata import build_metadata, to_yaml
from submission.rules_runs import check_runs
from submission.team import Team
from submission.validate import validate

COMPRESSION_LEVEL = 3
"""Takes a third of the time of zlib's default 6, for 7 % more bytes of digits."""

TIMESTAMP = (1980, 1, 1, 0, 0, 0)
"""Of every file in a zip, so that the same content gives the same bytes; zip's earliest."""

PERMISSIONS = 0o100644 << 16
UNIX = 3

File = tuple[str, Path | bytes]
"""Name in the zip, and where its content is or what it is."""


def package(
    runs: Sequence[Run],
    team: Team,
    out: Path,
    *,
    evaluation_list: Path | None = None,
    report: Path | None = None,
) -> None:
    """Write a validated submission zip of one system; the same input gives the same bytes.

    Args:
        runs: one for each split, all of the same recipe, evaluated and with predictions.
        out: the zip file; one that is there is replaced only by a valid one.
        evaluation_list: names of the evaluation files; by default those of the official set.
        report: the technical report, PDF; without one there is a warning only.

    Raises:
        InvalidPackage: naming all faults of the runs, or else all faults of the package.
        InputError: a file that cannot be read or written.
    """
    faults = check_runs(runs)
    if faults:
        raise InvalidPackage(f"{out}: was not written, the runs do not make a submission.", faults)
    ordered = sorted(runs, key=lambda run: run.split)
    files = list(_files(ordered, team, report))
    with replacing(out) as temporary:
        _write_zip(temporary, files)
        faults = validate(temporary, evaluation_list=evaluation_list, runs=ordered)
        if not is_valid(faults):
            raise InvalidPackage(f"{out}: was not written, it would not be valid.", faults)


def _files(runs: Sequence[Run], team: Team, report: Path | None) -> Iterator[File]:
    label = team.system_label
    folder = f"{TASK}/{label}"
    for run in runs:
        predictions = run.predictions_file(run.recipe.submitted_system)
        yield f"{folder}/{csv_name(label, run.split)}", predictions
    yield f"{folder}/{metadata_name(label)}", to_yaml(build_metadata(team, runs)).encode()
    if report is not None:
        yield f"{folder}/{label}.technical_report.pdf", report


def _write_zip(path: Path, files: Sequence[File]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, source in files:
            entry = zipfile.ZipInfo(name, TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = PERMISSIONS
            entry.create_system = UNIX
            content = source if isinstance(source, bytes) else _read(source)
            archive.writestr(entry, content, compresslevel=COMPRESSION_LEVEL)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path.") from error
