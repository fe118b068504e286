"""The Raspberry Pi image's environment, made by its Dockerfile's own steps but without Docker.

What this leaves open: the base image, the ARM processor, and the steps that need root.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import dockerfiles
import mcu_model
import numpy as np
import pytest
import soundfile
from conftest import ROOT
from dockerfiles import FOLDER, Instruction, stages

from deploy.classifier import Classifier

pytestmark = pytest.mark.slow

DOCKERFILE = FOLDER / "raspberry-pi.Dockerfile"

MAX_BYTES = 160_000_000
"""Of all that is installed, on disk."""

VARIANTS = {
    "ai-edge-litert": {},
    "tflite-runtime": {
        "EXTRA": "pi-tflite-runtime",
        "CONSTRAINTS": "docker/constraints-tflite-runtime.txt",
    },
}
"""Interpreters, and the build arguments that choose them."""

ARM64 = [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(17, 37)]
"""What a 64-bit Raspberry Pi OS of Debian 12, with glibc 2.36, can load."""

RATE_HZ = 44_100

CLASSIFY = """
import json, sys
from pathlib import Path
from deploy.audio import read_audio
from deploy.classifier import Classifier
samples, rate_hz = read_audio(Path(sys.argv[2]))
scenes = Classifier(sys.argv[1])
found = scenes.probabilities(samples[0], rate_hz).tolist()
print(json.dumps([scenes.interpreter.backend, found]))
"""

IMPORTED = """
import sys, deploy.classifier
print(*{name.partition(".")[0] for name in sys.modules})
"""


@dataclass
class Builder:
    """Performs the steps of stages, each below a folder of its own in place of an image's root."""

    folder: Path
    context: Path

    def build(self, stage: dockerfiles.Stage) -> Path:
        """The folder that has become of a stage."""
        root = self.folder / (stage.name or "image")
        root.mkdir()
        here, path = root, []
        for step in stage.instructions:
            if step.word == "WORKDIR":
                here = root / step.text.lstrip("/")
                here.mkdir(parents=True, exist_ok=True)
            elif step.word == "COPY":
                self._copy(step, root, here)
            elif step.word == "ENV":
                path = _executables(step, root) or path
            elif step.word == "RUN" and "useradd" not in step.text:  # which needs root
                self._run(step, root, here, path)
        return root

    def _copy(self, step: Instruction, root: Path, here: Path) -> None:
        *sources, target = step.words
        origin = self.folder / step.options["from"] if "from" in step.options else self.context
        for source in sources:
            found = origin / source.lstrip("/")
            into = root / target.lstrip("/") if target.startswith("/") else here / target
            if found.is_dir():
                shutil.copytree(found, into, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy2(found, into)

    def _run(self, step: Instruction, root: Path, here: Path, path: list[str]) -> None:
        command = _below(step.rest, root)
        for name, value in step.options.items():
            bound = re.fullmatch(r"type=bind,from=(\w+),source=(\S+),target=(\S+)", value)
            if name == "mount" and bound:
                stage, source, target = bound.groups()
                command = command.replace(f"{root}{target}", f"{self.folder}/{stage}{source}")
        arguments = json.loads(command) if command.startswith("[") else ["/bin/sh", "-c", command]
        run(arguments, here, path)


def _executables(step: Instruction, root: Path) -> list[str]:
    found = re.search(r"PATH=(\S+):\$\{PATH\}", step.text)
    return [_below(found[1], root)] if found else []


def _below(command: str, root: Path) -> str:
    """A command with the image's absolute paths moved below a folder."""
    return re.sub(r"(?<![\w./}-])/(?=(opt|build|dist|work)\b)", f"{root}/", command)


def run(arguments: list[str], folder: Path, path: list[str]) -> str:
    """What a command prints; its environment is that of the tests, but for search paths."""
    places = [*path, str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment["PATH"] = os.pathsep.join(places)
    program = shutil.which(arguments[0], path=environment["PATH"]) or arguments[0]
    done = subprocess.run(
        [program, *arguments[1:]], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


@dataclass
class Image:
    """A built environment."""

    interpreter: str
    root: Path

    def run(self, *arguments: str) -> str:
        programs = self.root / "opt/tinyscene/bin"
        return run(list(arguments), self.root / "work", [str(programs)])

    @property
    def packages(self) -> Path:
        return next((self.root / "opt/tinyscene/lib").glob("python3.*/site-packages"))


@pytest.fixture(scope="module")
def package_index(tmp_path_factory):
    """Skips where pip can download nothing, as without a network."""
    command = ["pip", "download", "--no-deps", "--dest", str(tmp_path_factory.mktemp("index"))]
    try:
        run([*command, "setuptools"], ROOT, [])
    except AssertionError as error:
        pytest.skip(f"pip reaches no package index: {error}")


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def image(request, package_index, tmp_path_factory):
    if request.param == "tflite-runtime" and sys.version_info >= (3, 12):
        pytest.skip("tflite-runtime has no wheels for Python 3.12")
    folder = tmp_path_factory.mktemp("image")
    context = folder / "context"
    send_context(context)
    builder = Builder(folder, context)
    roots = [
        builder.build(stage) for stage in stages(DOCKERFILE.read_text(), **VARIANTS[request.param])
    ]
    return Image(request.param, roots[-1])


def send_context(folder: Path) -> None:
    """Copy what .dockerignore lets through, as `docker build` does."""
    left_out = shutil.ignore_patterns("__pycache__")
    for name in dockerfiles.allowed():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=left_out)
        else:
            shutil.copy2(ROOT / name, target)


def test_holds_numpy_one_interpreter_and_its_needs(image):
    found = {x.name.lower() for x in metadata.distributions(path=[str(image.packages)])}
    assert {"tinyscene", "numpy", image.interpreter} <= {name.replace("_", "-") for name in found}
    assert not found & {"pip", "setuptools", "torch", "pandas", "soundfile", "scipy"}
    assert not list(image.packages.glob("__editable__*"))


def test_holds_all_that_the_extra_asks_for(image):
    """pip itself, given the project and the extra, finds nothing left to install."""
    extra = VARIANTS[image.interpreter].get("EXTRA", "pi")
    wheel = next((image.root.parent / "wheel/dist").glob("*.whl"))
    python = str(image.root / "opt/tinyscene/bin/python")
    command = ["pip", "--python", python, "install", "--dry-run", "--no-index"]
    found = run([*command, f"{wheel}[{extra}]"], image.root, [])
    assert "Would install" not in found
    run(["pip", "--python", python, "check"], image.root, [])


def test_is_small(image):
    files = [path.lstat() for path in image.packages.rglob("*")]
    occupied = 512 * sum(file.st_blocks for file in files)
    assert 20_000_000 < occupied < MAX_BYTES


def test_imports_none_of_what_training_needs(image):
    modules = set(image.run("python", "-c", IMPORTED).split())
    assert {"deploy", "numpy"} <= modules
    assert not modules & {"torch", "pandas", "baseline", "quantize", "submission", "soundfile"}


def test_command_works(image):
    assert "usage: tinyscene" in image.run("tinyscene", "--help")
    assert re.search(rf"{image.interpreter}\s+works", image.run("tinyscene", "doctor"))


def test_same_probabilities_as_here(image, tmp_path):
    model = mcu_model.write_model(tmp_path)
    random = np.random.default_rng(0)
    wave = np.cumsum(random.normal(0, 0.01, 3 * RATE_HZ // 2)).clip(-1, 1).astype(np.float32)
    recording = tmp_path / "noise.wav"
    soundfile.write(recording, wave, RATE_HZ, subtype="PCM_16")
    found = image.run("python", "-c", CLASSIFY, str(model), str(recording))
    backend, probabilities = json.loads(found)
    assert backend == image.interpreter

    samples, rate_hz = soundfile.read(recording, dtype="float32")
    expected = Classifier(model).probabilities(samples, rate_hz)
    assert expected.max() < 0.99  # so that the comparison says something
    np.testing.assert_allclose(probabilities, expected, atol=1e-9)


@pytest.mark.parametrize("interpreter", sorted(VARIANTS))
def test_raspberry_pi_has_wheels_for_all_of_it(interpreter, package_index, tmp_path):
    arguments = VARIANTS[interpreter]
    wanted = requirements(arguments.get("EXTRA", "pi"), tmp_path)
    pinned = str(ROOT / arguments.get("CONSTRAINTS", "constraints.txt"))
    command = ["pip", "install", "--dry-run", "--target", str(tmp_path), "--python-version=3.11"]
    command += [*ARM64, "--only-binary=:all:", "--constraint", pinned, "--requirement", wanted]
    assert interpreter in run(command, ROOT, []).partition("Would install")[2].replace("_", "-")


def test_training_image_asks_for_what_the_tests_ran_with(tmp_path):
    """Here, where all tests run, nothing is missing and no pin differs."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index"]
    pinned = ["--constraint", "constraints.txt", "--requirement", requirements("export", tmp_path)]
    assert "Would install" not in run([*command, *pinned], ROOT, [])


def requirements(extra: str, folder: Path) -> str:
    """Path of a file of an extra's requirements, as the images' first stage writes it."""
    path = folder / "requirements.txt"
    path.write_text(run([sys.executable, str(FOLDER / "requirements_of.py"), extra], ROOT, []))
    return str(path)
