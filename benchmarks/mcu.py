"""The microcontroller bars: exactness, instructions, memory, wave to decision, on emulated boards.

    python -m benchmarks.mcu RUN

RUN is a trained and quantised run of the baseline. Its post-training .tflite is compiled to C,
built by gcc, and run under QEMU on the test split of the run's dataset: needs arm-none-eabi-gcc,
qemu-system-arm and tflite-micro. Instructions are those of the emulator, not cycles of silicon.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from baseline.run import open_run
from benchmarks.environment import describe
from deploy.mcu.machines import EmulatedBoard, emulated_board
from deploy.mcu.network import Network
from deploy.mcu.plan import Plan
from deploy.mcu.project import Project, open_project, write_project
from deploy.mcu.reference import reference_outputs
from deploy.mcu.report import Cost, measure
from deploy.mcu.verification import python_maps, run_network, run_waves
from deploy.model_file import read_info
from deploy.table import format_table
from submission.pipeline import open_data

BOARDS = ("mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547", "netduinoplus2")
SMALL = "netduinoplus2"
"""The board with 128 kB of RAM."""

Row = tuple[str, str, str, str]
"""What, found, bar, and whether it is met."""


class Bench:
    """One model, its projects with both roundings, and the waves of the test split."""

    def __init__(self, model: Path, waves: np.ndarray, folder: Path) -> None:
        self.model, self.waves, self.folder = model, waves, folder
        self.plan: Plan = write_project(
            model, folder / "exact", target="cortex-m4", rounding="exact"
        )
        write_project(model, folder / "fast", target="cortex-m4", rounding="fast")
        self.network: Network = self.plan.network
        source = self.network.tensors[self.network.input]
        self.maps = python_maps(read_info(model), source, waves)

    def project(self, rounding: str) -> Project:
        """The project with that rounding."""
        return open_project(self.folder / rounding)

    def outputs(self, rounding: str, name: str) -> np.ndarray:
        """Logits of all clips on a board, from Python's maps."""
        place = self.folder / f"{rounding}-{name}"
        return run_network(self.project(rounding), on(name), self.maps, place)


def on(name: str, *defines: str) -> EmulatedBoard:
    """A board, built for by gcc."""
    return emulated_board(name, "gcc", defines)


def exactness(bench: Bench) -> Iterator[Row]:
    """Each board's logits against TFLM's, and fast rounding against exact."""
    tflm = reference_outputs("TFLM", bench.model, bench.network, bench.maps)
    with ThreadPoolExecutor(2) as pool:
        for name, found in zip(
            BOARDS, pool.map(lambda name: bench.outputs("exact", name), BOARDS), strict=True
        ):
            equal = int((found == tflm).all(axis=1).sum())
            text = f"{equal} of {len(tflm)} clips"
            yield f"equal to TFLM, {name}", text, "all", met(equal == len(tflm))
    fast = bench.outputs("fast", BOARDS[0])
    agreement = float((fast.argmax(1) == tflm.argmax(1)).mean())
    yield "fast decides as exact", f"{agreement:.2%}", "99.5 %", met(agreement >= 0.995)


def instructions(bench: Bench) -> Iterator[Row]:
    """Network and front end, for one second of sound."""
    exact, fast = bench.project("exact"), bench.project("fast")
    m4 = measure(exact, on("mps2-an386"))
    yield millions("network, M4, exact", m4.network_instructions, 55)
    yield millions("network, M4, fast", network_of(measure(fast, on("mps2-an386"))), 48)
    yield millions("network, M55, exact", network_of(measure(exact, on("mps3-an547"))), 19)
    portable = measure(exact, on("mps2-an386", "KERNEL_PORTABLE"))
    yield millions("network, M4, plain C", portable.network_instructions, 112)
    yield millions("front end, M4", m4.front_end_instructions, 18)
    yield kilobytes("flash, plain C", portable.flash_bytes, 115)
    yield kilobytes("flash, MVE", measure(exact, on("mps3-an547")).flash_bytes, 115)
    small = measure(exact, on(SMALL))
    yield kilobytes("flash, DSP", small.flash_bytes, 170)
    yield kilobytes("arena", bench.plan.arena_bytes, 38)
    yield kilobytes("RAM of the whole, in 128 kB", small.ram_bytes, 64)


def wave_to_decision(bench: Bench) -> Iterator[Row]:
    """The whole system on an emulated M4 with 128 kB against Python's front end and LiteRT."""
    maps, logits = run_waves(bench.project("exact"), on(SMALL), bench.waves, bench.folder / "waves")
    expected = reference_outputs("LiteRT", bench.model, bench.network, bench.maps)
    off = np.abs(maps.astype(int) - bench.maps)
    near, equal = float((off <= 1).mean()), float((off == 0).mean())
    yield "map within one level", f"{near:.3%} (equal {equal:.3%})", "99.9 %", met(near >= 0.999)
    same = float((logits.argmax(1) == expected.argmax(1)).mean())
    yield "decision from the wave", f"{same:.2%}", "99.5 %", met(same >= 0.995)


def network_of(cost: Cost) -> int | None:
    """Instructions of the network alone."""
    return cost.network_instructions


def millions(what: str, found: int | None, bar: int) -> Row:
    """A row for instructions."""
    assert found is not None
    return what, f"{found / 1e6:.1f} M", f"{bar} M", met(found <= bar * 1e6)


def kilobytes(what: str, found: int, bar: int) -> Row:
    """A row for bytes, in units of 1,000."""
    return what, f"{found:,} B", f"{bar} kB", met(found <= bar * 1000)


def met(good: bool) -> str:
    """Whether a bar is met."""
    return "met" if good else "NOT met"


def main() -> None:
    """Measure a run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--clips", type=int, help="fewer of them, for a quick look")
    arguments = parser.parse_args()
    print(describe("numpy", "ai-edge-litert", "tflite-micro"))
    run = open_run(arguments.run)
    dataset, store = open_data(run, None, arguments.store)
    names = dataset.clips.iloc[dataset.test_rows()].filename
    waves = np.asarray(store.samples[store.positions(names)])[: arguments.clips]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(run.model_file("tflite-int8"), waves, Path(folder))
        for part in (exactness, instructions, wave_to_decision):
            rows.extend(part(bench))
    print(format_table(("bar", "found", "asked", ""), rows))


if __name__ == "__main__":
    main()
