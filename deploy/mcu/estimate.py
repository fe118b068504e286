"""What an Ethos-U neural processor would make of a network: the estimate of Arm's compiler Vela."""

from __future__ import annotations

import csv
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.errors import InputError
from deploy.mcu.reader import read_network
from deploy.table import format_table

NPUS = ("ethos-u55-128", "ethos-u65-256", "ethos-u85-256")
"""Processors by Vela's name: family, and MACs per cycle."""

TIMEOUT_S = 300

PLAIN_NAME = "model.tflite"
"""Under which Vela gets a file: it writes names as text, which those of files need not be."""


@dataclass(frozen=True)
class Estimate:
    """Vela's estimate for one inference, with the clock and the memories it takes by default."""

    npu: str
    clock_mhz: float
    system: str
    memory_mode: str
    milliseconds: float
    cycles: int
    sram_bytes: int
    flash_bytes: int
    dram_bytes: int
    operators_on_npu: str
    """As Vela says it, such as '33 (100.0%)'."""
    macs: int

    def to_json(self) -> dict[str, Any]:
        """All of it, saying what it is."""
        return {"kind": "estimate by ethos-u-vela, not a measurement", **asdict(self)}


def estimate(model: Path, npu: str) -> Estimate:
    """Let Vela compile a network and read its estimate.

    Raises:
        InputError: no full-int8 network, no such processor, or Vela is missing or refuses it.
    """
    if npu not in NPUS:
        raise InputError(f"--npu {npu}: is unknown; choose one of {', '.join(NPUS)}.")
    if importlib.util.find_spec("ethosu") is None:
        raise InputError("ethos-u-vela is not installed; run: pip install 'tinyscene[mcu]'")
    read_network(model)
    with tempfile.TemporaryDirectory() as folder:
        printed = _run_vela(model, npu, Path(folder))
        tables = list(Path(folder).glob("*_summary_*.csv"))
        if len(tables) != 1:
            raise InputError(f"{model}: ethos-u-vela wrote no summary; install its version 5.")
        with tables[0].open(newline="") as file:
            (row,) = csv.DictReader(file)
    return _estimate(npu, row, printed)


def _run_vela(model: Path, npu: str, folder: Path) -> str:
    shutil.copyfile(model, folder / PLAIN_NAME)
    command = [sys.executable, "-m", "ethosu.vela", PLAIN_NAME]
    command += ["--accelerator-config", npu, "--output-dir", str(folder)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=folder,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{model}: ethos-u-vela gave no answer in {TIMEOUT_S} s.") from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["without a reason"])[-1]
        raise InputError(f"{model}: ethos-u-vela refuses it ({reason}).")
    return done.stdout


def _estimate(npu: str, row: dict[str, str], printed: str) -> Estimate:
    on_npu = [line for line in printed.splitlines() if line.startswith("NPU operators")]
    clock_hz = float(row["core_clock"])
    return Estimate(
        npu=npu,
        clock_mhz=clock_hz / 1e6,
        system=row["system_config"],
        memory_mode=row["memory_mode"],
        milliseconds=float(row["inference_time"]) * 1e3,
        cycles=round(float(row["cycles_total"])),
        sram_bytes=round(float(row["sram_memory_used"]) * 1024),
        flash_bytes=round(
            (float(row["off_chip_flash_memory_used"]) + float(row["on_chip_flash_memory_used"]))
            * 1024
        ),
        dram_bytes=round(float(row["dram_memory_used"]) * 1024),
        operators_on_npu=on_npu[0].split("=", 1)[1].strip() if on_npu else "unknown",
        macs=round(float(row["nn_macs"])),
    )


def format_estimate(model: Path, found: Estimate) -> str:
    """The estimate as a table, saying what it is."""
    rows = [
        ["time of an inference", f"{found.milliseconds:.2f} ms"],
        ["clock", f"{found.clock_mhz:.0f} MHz"],
        ["cycles", f"{found.cycles:,}"],
        ["SRAM", f"{found.sram_bytes:,} bytes"],
        ["flash", f"{found.flash_bytes:,} bytes"],
        ["DRAM", f"{found.dram_bytes:,} bytes"],
        ["operators on the NPU", found.operators_on_npu],
        ["MACs", f"{found.macs:,}"],
    ]
    table = format_table([found.npu, model.name], rows)
    return (
        f"{table}\n\nAn estimate by Arm's compiler ethos-u-vela (system {found.system}, memory "
        f"{found.memory_mode}), not a measurement."
    )
