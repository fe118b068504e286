"""Training speed of PaSST-S in bf16, with and without patchout.

    python -m benchmarks.passt_speed
    python -m benchmarks.passt_speed --device cuda --batch 80 --steps 30

Trains on noise, so that the network alone is timed, on clips of one second with the patchout of
scene classification, and on clips of ten seconds with that of AudioSet. The two take turns step by
step, the first step of each is left out, and the medians of the others are compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn

from baseline.models.passt import ARCHS, PaSST
from baseline.models.patchout import Patchout
from benchmarks.environment import describe
from deploy.table import format_table

CLASSES = 10

CLIPS = {
    # clips: (frames, patchout)
    "1 s, 6 rows left out": (100, Patchout(frequency=6)),
    "10 s, 4 rows and 40 columns left out": (998, Patchout(frequency=4, time=40)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8, help="seconds of sound in a step")
    parser.add_argument("--steps", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    print(describe("torch"))
    print(f"trained on {_name(device)}, {options.threads} threads, bf16", flush=True)
    network = PaSST(ARCHS["s10"], CLASSES).to(device).train()
    rows = []
    for clips, (frames, patchout) in CLIPS.items():
        batch = max(1, options.batch * 100 // frames)
        rows.append([clips, str(batch), *compare(network, frames, patchout, batch, options.steps)])
    header = ["clips", "batch", "tokens", "clips/s without", "with patchout", "ratio"]
    print(format_table(header, rows))


def compare(network: PaSST, frames: int, patchout: Patchout, batch: int, steps: int) -> list[str]:
    """Cells of one row: tokens without and with patchout, clips a second, and their ratio."""
    device = next(network.parameters()).device
    log_mel = torch.randn(batch, 1, 128, frames, device=device)
    train = _training_step(network, log_mel)
    times: dict[Patchout, list[float]] = {Patchout(): [], patchout: []}
    for _ in range(steps + 1):
        for setting, durations in times.items():
            network.patchout = setting
            durations.append(_seconds(train, device))
    without, with_patchout = (batch / median(durations[1:]) for durations in times.values())
    return [
        " to ".join(str(_tokens(network, log_mel, setting)) for setting in times),
        f"{without:.2f}",
        f"{with_patchout:.2f}",
        f"{with_patchout / without:.2f}",
    ]


def _training_step(network: PaSST, log_mel: torch.Tensor) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(network.parameters(), 1e-5, fused=True)
    labels = torch.randint(CLASSES, (len(log_mel),), device=log_mel.device)

    def train() -> None:
        with torch.autocast(log_mel.device.type, torch.bfloat16):
            loss = nn.functional.cross_entropy(network(log_mel), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return train


def _seconds(step: Callable[[], None], device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    step()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _tokens(network: PaSST, log_mel: torch.Tensor, patchout: Patchout) -> int:
    network.patchout = patchout
    with torch.no_grad():
        return network.sequence(log_mel).shape[1]


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"


if __name__ == "__main__":
    main()
