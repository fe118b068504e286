"""The submission zip, made from the runs of up to four systems and valid before it has its name."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from baseline.run import Run
from deploy.errors import InputError
from deploy.files import replacing
from submission.archive import open_contents
from submission.label import TASK, csv_name, metadata_name, report_name
from submission.metadata import build_metadata, to_yaml
from submission.rules.faults import InvalidPackage, is_valid
from submission.rules.runs import check_runs
from submission.systems import group_systems
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
    """Write a validated submission zip; the same input gives the same bytes.

    Args:
        runs: one for each split of each system, evaluated and with predictions. Those of one
            recipe are a system.
        out: the zip file; one that is there is replaced only by a valid one.
        evaluation_list: names of the evaluation files; by default those of the official set.
        report: the team's technical report, PDF; without one there is a warning only.

    Raises:
        InvalidPackage: naming all faults of the runs, or else all faults of the package.
        InputError: a file that cannot be read or written, or systems that are not the team's.
    """
    faults = check_runs(runs)
    if faults:
        raise InvalidPackage(f"{out}: was not written, the runs do not make a submission.", faults)
    files = dict(_files(group_systems(runs), team, report))
    _write_valid(files, out, evaluation_list, runs)


def repackage(folder: Path, out: Path, *, evaluation_list: Path | None = None) -> None:
    """Write a validated zip of an unzipped package; unchanged, it is the zip that it came from.

    Args:
        folder: `task1` itself or what holds it.

    Raises:
        InvalidPackage: naming all faults of the package.
        InputError: a file that cannot be read or written.
    """
    with open_contents(folder) as contents:
        if contents.faults:
            raise InvalidPackage(f"{out}: was not written, {folder} is unsafe.", contents.faults)
        files: dict[str, Path | bytes] = {name: contents.read(name) for name in contents.files}
    _write_valid(files, out, evaluation_list, ())


def is_unzipped_package(folder: Path) -> bool:
    """Whether a folder is a package rather than a run."""
    return folder.name == TASK or (folder / TASK).is_dir()


def _write_valid(
    files: dict[str, Path | bytes], out: Path, evaluation_list: Path | None, runs: Sequence[Run]
) -> None:
    with replacing(out) as temporary:
        _write_zip(temporary, sorted(files.items()))
        faults = validate(temporary, evaluation_list=evaluation_list, runs=runs)
        if not is_valid(faults):
            raise InvalidPackage(f"{out}: was not written, it would not be valid.", faults)


def _files(systems: Sequence[Sequence[Run]], team: Team, report: Path | None) -> Iterator[File]:
    words = team.systems_of([runs[0].recipe.name for runs in systems])
    first = systems[0][0].recipe
    for system, runs in zip(words, systems, strict=True):
        folder = f"{TASK}/{system.label}"
        for run in runs:
            predictions = run.predictions_file(run.recipe.submitted_system)
            yield f"{folder}/{csv_name(system.label, run.split)}", predictions
        metadata = build_metadata(system, runs, first if len(systems) > 1 else None)
        yield f"{folder}/{metadata_name(system.label)}", to_yaml(metadata).encode()
    if report is not None:
        yield f"{TASK}/{report_name(words[0].label)}", report


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
