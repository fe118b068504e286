"""The run-time on arm64, emulated, against this machine: integers, front end and command.

Nothing here says anything about speed: see `arm64_root`.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import arm64_root
import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
from arm64_root import PROCESSORS, Machine
from conftest import ROOT

from baseline import models
from baseline.challenge import SCENES
from deploy.classifier import Classifier, one_second_windows
from deploy.frontend import front_end
from deploy.interpreters import LITERT, ONNXRUNTIME, TFLITE_RUNTIME, dequantize, quantize
from deploy.model_file import ModelInfo, write_info
from quantize import onnx_files, tflite_files
from quantize.agreement.engines import LiteRT

pytestmark = pytest.mark.slow

RATE_HZ = 44_100
SPEC = front_end("dcase2024")
TFLITE = (LITERT, TFLITE_RUNTIME)
ALL = (*TFLITE, ONNXRUNTIME)
NUMPY = {LITERT: "2", TFLITE_RUNTIME: "1.26", ONNXRUNTIME: "2"}

CALIBRATION_CLIPS, CLIPS, NOISES = 30, 4, 3
DISTINCT_OUTPUTS = 20
"""At least, for outputs that are all alike would agree whatever the kernels do."""

LOG_MEL_TOLERANCE = 1e-3
"""Of a natural logarithm. float32 sums in another order: 1e-4 is found here, 4e-4 in 30 sounds."""

PROBABILITY_TOLERANCE = 0.01
"""A log-mel between two integers may fall to either: 0.001 is found here, 0.003 in 30 sounds."""

TFLITE_RUNTIME_STEPS = 1
"""Its kernels for Arm give this network's integers of the reference kernels, but of those of a
trained one 1 % are a step off."""

ONNX_LOGIT_TOLERANCE = 0.04
"""Half a step of the network's last integers, whose mean the logits are. onnxruntime scales between
layers in float, in another order on each processor: 0.016 was found in 90 inputs."""


def sounds(clips: int, seed: int) -> np.ndarray:
    """Pulsing tones of many pitches in noise of many levels, float32 (clips, samples)."""
    generator = np.random.default_rng(seed)
    seconds = np.arange(RATE_HZ) / RATE_HZ
    pulse = 0.5 + 0.5 * np.sin(2 * np.pi * generator.uniform(1, 8, (clips, 1)) * seconds)
    tone = np.sin(2 * np.pi * np.geomspace(60, 9_000, clips)[:, None] * seconds)
    noise = generator.normal(size=(clips, RATE_HZ)) * 10 ** generator.uniform(-4, -1, (clips, 1))
    waves = generator.uniform(0.02, 0.5, (clips, 1)) * pulse * tone + noise
    return waves.clip(-1, 1).astype(np.float32)


def log_mels_of(waves: np.ndarray) -> np.ndarray:
    return SPEC.log_mel(one_second_windows(waves, RATE_HZ, SPEC)[:, 0])


def untrained_network(log_mels: np.ndarray) -> torch.nn.Module:
    """The baseline with the batch norms of these clips, without which it answers all alike."""
    torch.manual_seed(0)
    network = models.create("baseline2024")
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network(torch.from_numpy(log_mels))
    return network.eval()


@pytest.fixture(scope="session")
def arm64_folder() -> Iterator[Path]:
    """Where the emulated machines are made: kept only where TINYSCENE_ARM64 names it."""
    if packages := arm64_root.missing():
        pytest.skip(f"needs Debian's packages; run: apt-get install {' '.join(packages)}")
    if "TINYSCENE_ARM64" in os.environ:
        yield Path(os.environ["TINYSCENE_ARM64"]).resolve()
        return
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def machine(arm64_folder: Path) -> Callable[..., Machine]:
    """An emulated machine by its interpreter and its processor."""

    def made(interpreter: str, processor: str = "cortex-a72") -> Machine:
        try:
            return arm64_root.machine(arm64_folder, interpreter, processor)
        except arm64_root.UnavailableError as error:
            pytest.skip(str(error))

    return made


@pytest.fixture(scope="module")
def int8_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The int8 files that each interpreter runs."""
    folder = tmp_path_factory.mktemp("models")
    tflite, onnx = folder / "int8.tflite", folder / "int8.onnx"
    log_mels = log_mels_of(sounds(CALIBRATION_CLIPS, seed=1))
    network = untrained_network(log_mels)
    tflite_files.convert_int8(network, log_mels, tflite)
    onnx_files.convert_int8(network, log_mels, onnx)
    for path in (tflite, onnx):
        write_info(path, ModelInfo(SCENES, SPEC))
    return {LITERT: tflite, TFLITE_RUNTIME: tflite, ONNXRUNTIME: onnx}


@dataclass(frozen=True)
class Unoptimised:
    """An int8 ONNX network as it is written: what is fused saturates on some x86 processors."""

    session: onnxruntime.InferenceSession

    @classmethod
    def of(cls, path: Path) -> Unoptimised:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return cls(onnxruntime.InferenceSession(path, options))

    def logits(self, log_mel: np.ndarray) -> np.ndarray:
        logits: np.ndarray = self.session.run(None, {self.session.get_inputs()[0].name: log_mel})[0]
        return logits


@dataclass(frozen=True)
class Quantised:
    """A TFLite network by kernels of one's choice."""

    engine: LiteRT

    def logits(self, log_mel: np.ndarray) -> np.ndarray:
        source = self.engine.input
        values = quantize(log_mel.reshape(source["shape"]), source)
        return dequantize(self.engine.run(values), self.engine.output)


def classifier_here(path: Path, interpreter: str) -> Classifier:
    """A classifier on this machine whose network does what it should on the other."""
    scenes = Classifier(path)
    if interpreter == ONNXRUNTIME:
        scenes.interpreter = Unoptimised.of(path)
    elif interpreter == TFLITE_RUNTIME:
        scenes.interpreter = Quantised(LiteRT(path.read_bytes(), reference=True))
    return scenes


@pytest.fixture(scope="module")
def questions(int8_models: dict[str, Path]) -> dict[str, np.ndarray]:
    """What is asked of each machine: waves, log-mels, and the same as integers with some noise."""
    waves = sounds(CLIPS, seed=2)
    log_mels = log_mels_of(waves)
    source = LiteRT(int8_models[LITERT].read_bytes(), reference=True).input
    heard = quantize(log_mels.reshape(CLIPS, *source["shape"][1:]), source)
    noise = np.random.default_rng(3).integers(-128, 128, (NOISES, *heard.shape[1:]), np.int8)
    integers = np.concatenate([heard, noise])
    return {"waves": waves, "rate_hz": RATE_HZ, "log_mels": log_mels, "integers": integers}


@pytest.fixture(scope="module")
def answers(
    machine: Callable[..., Machine],
    int8_models: dict[str, Path],
    questions: dict[str, np.ndarray],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, str], dict[str, np.ndarray]]:
    """What an emulated machine answers, by its interpreter and its processor."""
    folder = tmp_path_factory.mktemp("answers")
    np.savez(folder / "questions.npz", **questions)

    @cache
    def answered(interpreter: str, processor: str) -> dict[str, np.ndarray]:
        probe, given = ROOT / "tests/arm64_probe.py", folder / f"{interpreter}-{processor}.npz"
        asked = machine(interpreter, processor)
        asked.python(probe, int8_models[interpreter], folder / "questions.npz", given)
        return dict(np.load(given))

    return answered


@pytest.fixture(scope="module")
def outputs_here(
    int8_models: dict[str, Path], questions: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """int8 logits of this machine by LiteRT's reference kernels, and by XNNPACK's."""
    content = int8_models[LITERT].read_bytes()
    engines = {"reference": True, "XNNPACK": False}
    found = {}
    for name, reference in engines.items():
        engine = LiteRT(content, reference=reference)
        found[name] = np.concatenate([engine.run(x[None]) for x in questions["integers"]])
        assert len(np.unique(found[name])) > DISTINCT_OUTPUTS
    return found


@pytest.mark.parametrize("interpreter", ALL)
def test_only_numpy_is_needed(interpreter, answers):
    found = answers(interpreter, "cortex-a72")
    assert found["machine"] == "aarch64"
    assert found["backend"] == interpreter
    assert str(found["numpy"]).startswith(f"{NUMPY[interpreter]}.")
    assert found["modules"].tolist() == ["deploy", "numpy"]


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("interpreter", TFLITE)
def test_reference_kernels_give_the_same_integers(interpreter, processor, answers, outputs_here):
    found = answers(interpreter, processor)["reference"]
    np.testing.assert_array_equal(found, outputs_here["reference"])


@pytest.mark.parametrize("processor", PROCESSORS)
def test_litert_gives_the_same_integers(processor, answers, outputs_here):
    np.testing.assert_array_equal(answers(LITERT, processor)["chosen"], outputs_here["XNNPACK"])


@pytest.mark.parametrize("processor", PROCESSORS)
def test_tflite_runtime_is_a_step_from_the_reference(processor, answers, outputs_here):
    found = answers(TFLITE_RUNTIME, processor)["chosen"].astype(int)
    assert np.abs(found - outputs_here["reference"]).max() <= TFLITE_RUNTIME_STEPS


@pytest.mark.parametrize("processor", PROCESSORS)
def test_onnxruntime_gives_the_same_logits(processor, answers, int8_models, questions):
    network = Unoptimised.of(int8_models[ONNXRUNTIME])
    logits = np.concatenate([network.logits(x[None]) for x in questions["log_mels"]])
    assert logits.std(0).mean() > 4 * ONNX_LOGIT_TOLERANCE
    found = answers(ONNXRUNTIME, processor)["logits"]
    np.testing.assert_allclose(found, logits, atol=ONNX_LOGIT_TOLERANCE, rtol=0)


@pytest.mark.parametrize("interpreter", ALL)
def test_front_end_gives_the_same_log_mels(interpreter, answers, questions):
    found = answers(interpreter, "cortex-a72")["log_mels"]
    np.testing.assert_allclose(found, questions["log_mels"], atol=LOG_MEL_TOLERANCE, rtol=0)


@pytest.mark.parametrize("interpreter", ALL)
def test_waves_have_the_same_probabilities(interpreter, answers, int8_models, questions):
    scenes = classifier_here(int8_models[interpreter], interpreter)
    expected = scenes.probabilities(questions["waves"], RATE_HZ)
    found = answers(interpreter, "cortex-a72")["probabilities"]
    np.testing.assert_allclose(found, expected, atol=PROBABILITY_TOLERANCE, rtol=0)


@pytest.mark.parametrize("interpreter", ALL)
def test_bench_finishes(interpreter, machine, int8_models):
    model = int8_models[interpreter]
    command = [ROOT / "tinyscene.py", "bench", model, "--json", "--seconds", "0.1"]
    report = json.loads(machine(interpreter).python(*command))
    assert report["model"]["name"] == model.name
    assert report["environment"]["machine"] == "aarch64"


@pytest.mark.parametrize("interpreter", ALL)
def test_classify_reads_a_wav_file(interpreter, machine, int8_models, tmp_path):
    path, model = tmp_path / "pulse.wav", int8_models[interpreter]
    soundfile.write(path, sounds(CLIPS, seed=4)[2], RATE_HZ, subtype="PCM_16")
    command = [ROOT / "tinyscene.py", "classify", path, "--model", model, "--csv"]
    (row,) = csv.DictReader(machine(interpreter).python(*command).splitlines())
    assert row["file"] == str(path)
    wave, _ = soundfile.read(path, dtype="float32")
    expected = classifier_here(model, interpreter).probabilities(wave, RATE_HZ)
    found = [float(row[scene]) for scene in SCENES]
    np.testing.assert_allclose(found, expected, atol=PROBABILITY_TOLERANCE, rtol=0)
