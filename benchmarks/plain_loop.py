"""The DCASE 2024 Task 1 baseline, trained by a plain fp32 loop: the comparator of our own loop.

This file is written from the description of the public baseline alone and imports nothing of
TinyScene, so that it can be measured against it. It does what most training scripts do: a Dataset
decodes every clip again in every epoch, a DataLoader batches them, and the main process computes
log-mel features and trains a contiguous (NCHW) fp32 network. It is neither tuned nor held back.

    python benchmarks/plain_loop.py --data DIR --split 100 --epochs 60 --warmup-share 0.1 --seed 0

It prints the seconds of every epoch and, as its last line, one JSON object.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

SOURCE_RATE, RATE = 44_100, 32_000  # Hz, of the files and of the features
N_FFT, WINDOW, HOP = 4096, 3072, 500  # samples at RATE
MELS, LOG_OFFSET = 256, 1e-5
ROLL = 4410  # largest circular shift, samples at SOURCE_RATE
MASK_WIDTH = 48  # mel bins
MIXSTYLE_P, MIXSTYLE_ALPHA = 0.4, 0.3
BATCH, PEAK_LR, WEIGHT_DECAY = 256, 5e-3, 1e-4
PARAMETERS = 61_148

Item = tuple[Tensor, int, str]  # waveform (1, samples), scene index, device


# ---------------------------------------------------------------------------------------- data


class Clips(Dataset[Item]):
    """Clips of one split list, decoded whenever they are asked for.

    `roll` is the largest circular shift in samples, drawn uniformly and afresh for every item.
    """

    def __init__(self, data: Path, split: str, roll: int = 0) -> None:
        meta = pd.read_csv(data / "meta.csv", sep="\t")
        names = pd.read_csv(data / "split_setup" / f"{split}.csv", sep="\t")["filename"]
        self.scenes = sorted(meta["scene_label"].unique())
        rows = meta[meta["filename"].isin(set(names))]
        self.files = [str(data / name) for name in rows["filename"]]
        self.labels = [self.scenes.index(label) for label in rows["scene_label"]]
        self.devices = list(rows["source_label"])
        self.roll = roll

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Item:
        samples, rate = soundfile.read(self.files[index], dtype="float32")
        if rate != SOURCE_RATE:
            raise ValueError(f"{self.files[index]}: {rate} Hz, expected {SOURCE_RATE}")
        wave = torch.from_numpy(samples)[None]  # (1, samples)
        if self.roll:
            wave = wave.roll(int(torch.randint(-self.roll, self.roll + 1, ())), dims=-1)
        return wave, self.labels[index], self.devices[index]


def make_loader(clips: Clips, shuffle: bool, workers: int, persistent: bool) -> DataLoader[Item]:
    """Batches of `BATCH` clips; the last one may be shorter."""
    keep = persistent and workers > 0
    return DataLoader(clips, BATCH, shuffle, num_workers=workers, persistent_workers=keep)


# ----------------------------------------------------------------------------------- front end


def resampling_kernel(source: int = 441, target: int = 320) -> tuple[Tensor, int]:
    """Hann-windowed sinc filters, one per output phase, and the padding they need.

    Lowpass filter width 6, rolloff 0.99. The rates are already divided by their greatest common
    divisor. The kernel has shape (target, 1, taps).
    """
    zeros = 6
    cutoff = min(source, target) * 0.99
    pad = math.ceil(zeros * source / cutoff)
    taps = torch.arange(-pad, pad + source, dtype=torch.float64) / source
    phases = torch.arange(0, -target, -1, dtype=torch.float64) / target
    t = ((phases[:, None, None] + taps) * cutoff).clamp(-zeros, zeros)
    hann = torch.cos(torch.pi * t / (2 * zeros)) ** 2
    return (torch.sinc(t) * hann * cutoff / source).float(), pad


def mel_filterbank() -> Tensor:
    """HTK triangles of peak 1 over the STFT bins, 0 Hz to Nyquist: (1 + N_FFT / 2, MELS)."""
    top = 2595 * math.log10(1 + RATE / 2 / 700)
    corners = 700 * (10 ** (torch.linspace(0, top, MELS + 2) / 2595) - 1)
    hertz = torch.linspace(0, RATE / 2, N_FFT // 2 + 1)[:, None]
    width = corners.diff()
    rising = (hertz - corners[:-2]) / width[:-1]
    falling = (corners[2:] - hertz) / width[1:]
    return torch.minimum(rising, falling).clamp(min=0)


def mask_frequencies(mel: Tensor) -> Tensor:
    """Set a random band of fewer than `MASK_WIDTH` bins to zero in each sample of (B, 1, F, T)."""
    bins = mel.shape[2]
    width = torch.rand(len(mel), 1, 1, 1) * MASK_WIDTH
    start = (torch.rand(len(mel), 1, 1, 1) * (bins - width)).floor()
    band = torch.arange(bins)[:, None]
    return mel.masked_fill((band >= start) & (band < start + width.floor()), 0.0)


class LogMel(nn.Module):
    """Waveforms (B, 1, samples) at 44.1 kHz to log-mel (B, 1, MELS, frames)."""

    kernel: Tensor
    window: Tensor
    filterbank: Tensor

    def __init__(self) -> None:
        super().__init__()
        kernel, self.pad = resampling_kernel()
        self.register_buffer("kernel", kernel)
        self.register_buffer("window", torch.hann_window(WINDOW))
        self.register_buffer("filterbank", mel_filterbank())

    def resample(self, wave: Tensor) -> Tensor:
        """(B, 1, samples) at 44.1 kHz to (B, samples) at 32 kHz."""
        target, _, taps = self.kernel.shape
        source = taps - 2 * self.pad
        padded = nn.functional.pad(wave, (self.pad, self.pad + source))
        phases = nn.functional.conv1d(padded, self.kernel, stride=source)  # (B, target, n)
        length = math.ceil(target * wave.shape[-1] / source)
        return phases.transpose(1, 2).flatten(1)[:, :length]

    def power_mel(self, wave: Tensor) -> Tensor:
        """(B, samples) at 32 kHz to power mel (B, 1, MELS, frames)."""
        spectrum = torch.stft(
            wave,
            N_FFT,
            HOP,
            WINDOW,
            self.window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )
        power = spectrum.abs().pow(2)  # (B, N_FFT / 2 + 1, frames)
        return (power.transpose(1, 2) @ self.filterbank).transpose(1, 2)[:, None]

    @torch.no_grad()
    def forward(self, wave: Tensor) -> Tensor:
        """Masks frequencies while training, always before the logarithm."""
        mel = self.power_mel(self.resample(wave))
        if self.training:
            mel = mask_frequencies(mel)
        return (mel + LOG_OFFSET).log()


def mix_styles(x: Tensor, lam: Tensor, perm: Tensor) -> Tensor:
    """Freq-MixStyle of (B, 1, F, T): every frequency bin takes on mixed statistics.

    `lam` (B, 1, 1, 1) is the share of the sample's own mean and deviation; the rest comes from the
    sample that `perm` (B,) names.
    """
    mean = x.mean((1, 3), keepdim=True)
    std = (x.var((1, 3), keepdim=True) + 1e-6).sqrt()
    mixed_mean = lam * mean + (1 - lam) * mean[perm]
    mixed_std = lam * std + (1 - lam) * std[perm]
    return (x - mean) / std * mixed_std + mixed_mean


def maybe_mix_styles(x: Tensor) -> Tensor:
    """Freq-MixStyle of the whole batch with probability `MIXSTYLE_P`, else the batch as it is."""
    if np.random.rand() > MIXSTYLE_P:
        return x
    lam = torch.distributions.Beta(MIXSTYLE_ALPHA, MIXSTYLE_ALPHA).sample((len(x), 1, 1, 1))
    return mix_styles(x, lam, torch.randperm(len(x)))


# ------------------------------------------------------------------------------------- network


def conv_norm(
    inputs: int,
    outputs: int,
    size: int,
    stride: int | tuple[int, int] = 1,
    groups: int = 1,
    relu: bool = True,
) -> nn.Sequential:
    """Convolution without bias, batch norm and, if `relu`, a ReLU."""
    conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    layers = [conv, nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)


class Block(nn.Module):
    """Inverted residual: expand, depthwise, project; a shortcut where the width stays."""

    def __init__(
        self, inputs: int, expanded: int, outputs: int, stride: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__()
        self.block = nn.Sequential(
            conv_norm(inputs, expanded, 1),
            conv_norm(expanded, expanded, 3, stride, groups=expanded),
            conv_norm(expanded, outputs, 1, relu=False),
        )
        self.shortcut: nn.Module | None = None
        if inputs == outputs:
            self.shortcut = nn.Identity() if stride == (1, 1) else nn.AvgPool2d(3, stride, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The ReLU comes after the sum, and also where there is no shortcut."""
        y = self.block(x)
        if self.shortcut is not None:
            y = y + self.shortcut(x)
        return nn.functional.relu(y)


class Network(nn.Module):
    """The simplified CP-Mobile of the baseline: log-mel (B, 1, MELS, frames) to logits (B, 10)."""

    def __init__(self, scenes: int = 10) -> None:
        super().__init__()
        self.in_c = nn.Sequential(conv_norm(1, 8, 3, 2), conv_norm(8, 32, 3, 2))
        stages = {
            "s1": {
                "b1": Block(32, 64, 32),
                "b2": Block(32, 64, 32),
                "b3": Block(32, 64, 32, (1, 2)),
            },
            "s2": {"b4": Block(32, 64, 56, (2, 1)), "b5": Block(56, 120, 56)},
            "s3": {"b6": Block(56, 120, 104)},
        }
        named = {name: nn.Sequential(OrderedDict(blocks)) for name, blocks in stages.items()}
        self.stages = nn.Sequential(OrderedDict(named))
        self.feed_forward = conv_norm(104, scenes, 1, relu=False)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """The logits are averaged over frequency and time after their batch norm."""
        x = self.feed_forward(self.stages(self.in_c(x)))
        return x.mean((2, 3))


def initialise(module: nn.Module) -> None:
    """Kaiming normal (fan out) convolutions; batch norm starts as the identity."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)


# ------------------------------------------------------------------------------------ training


def schedule(step: int, warmup: int, total: int) -> float:
    """Factor of the peak learning rate: linear from 0 to 1, then half a cosine back to 0."""
    if step < warmup:
        return step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def train_epoch(
    loader: DataLoader[Item],
    logmel: LogMel,
    network: Network,
    optimiser: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    """One pass over the clips; returns the loss of its last batch."""
    logmel.train()
    network.train()
    for wave, label, _ in loader:
        loss = nn.functional.cross_entropy(network(maybe_mix_styles(logmel(wave))), label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        scheduler.step()
    return loss.item()


@torch.no_grad()
def evaluate(
    loader: DataLoader[Item], logmel: LogMel, network: Network
) -> tuple[float, dict[str, float]]:
    """Macro-averaged accuracy over the scenes, and the plain accuracy of every device."""
    logmel.eval()
    network.eval()
    rows: list[tuple[int, str, bool]] = []
    for wave, label, device in loader:
        right = network(logmel(wave)).argmax(1) == label
        rows += zip(label.tolist(), device, right.tolist(), strict=True)
    table = pd.DataFrame(rows, columns=["scene", "device", "right"])
    devices = table.groupby("device")["right"].mean().round(4)
    return float(table.groupby("scene")["right"].mean().mean()), dict(devices)


def keep_freed_memory() -> None:
    """Have glibc hold on to freed memory, which spares page faults; call before torch allocates."""
    mmap_max, trim_threshold, top_pad = -4, -1, -2
    libc = ctypes.CDLL("libc.so.6")
    for name, value in ((mmap_max, 0), (trim_threshold, 2**31 - 1), (top_pad, 256 << 20)):
        if libc.mallopt(name, value) != 1:
            raise OSError(f"mallopt({name}, {value}) was refused")


def train(
    data: str | Path,
    split: int,
    epochs: int,
    warmup_share: float,
    seed: int,
    workers: int = 3,
    persistent_workers: bool = True,
    keep_memory: bool = False,
    threads: int | None = None,
) -> dict[str, Any]:
    """Train on one split of `data` and evaluate the last epoch's weights on its test list.

    `warmup_share` is the share of all steps spent on the linear warm-up. `clips_per_second` counts
    training only, from the second epoch on (None after a single one). With `keep_memory`, the
    allocator of the whole process is set for good: call this in a process of its own.
    """
    settings = locals() | {"data": str(data)}
    if keep_memory:
        keep_freed_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(seed)
    np.random.seed(seed)

    clips = Clips(Path(data), f"split{split}", ROLL)
    loader = make_loader(clips, True, workers, persistent_workers)
    logmel, network = LogMel(), Network(len(clips.scenes))
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS
    total = epochs * len(loader)
    warmup = round(warmup_share * total)
    optimiser = torch.optim.AdamW(network.parameters(), PEAK_LR, weight_decay=WEIGHT_DECAY)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: schedule(s, warmup, total))

    seconds = []
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        loss = train_epoch(loader, logmel, network, optimiser, scheduler)
        seconds.append(time.perf_counter() - start)
        print(f"epoch {epoch}/{epochs}: {seconds[-1]:.2f} s, loss {loss:.3f}", flush=True)

    test = make_loader(Clips(Path(data), "test"), False, workers, False)
    accuracy, devices = evaluate(test, logmel, network)
    steady = seconds[1:]
    return {
        "macro_accuracy": round(accuracy, 4),
        "devices": devices,
        "clips_per_second": round(len(clips) * len(steady) / sum(steady), 1) if steady else None,
        "epoch_seconds": [round(value, 3) for value in seconds],
        "settings": settings | {"clips": len(clips), "threads": torch.get_num_threads()},
    }


def main() -> None:
    """Parse the command line, train, and print the result as one JSON line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with meta.csv")
    parser.add_argument("--split", type=int, default=100, choices=(5, 10, 25, 50, 100))
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--warmup-share", type=float, default=0.1, help="of all steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=3, help="loader processes")
    parser.add_argument("--persistent-workers", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--keep-memory", action="store_true", help="glibc keeps freed memory")
    parser.add_argument("--threads", type=int, help="torch threads (default: torch's own choice)")
    print(json.dumps(train(**vars(parser.parse_args()))), flush=True)


if __name__ == "__main__":
    main()
