"""The run folder: one training and everything made from it.

Only this file knows the names inside a run folder. Each stage adds files; none edits what an
earlier one wrote.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from baseline.recipe import Recipe, load_recipe, save_recipe
from deploy.errors import InputError
from deploy.files import file_digest, make_folder, read_json, write_json, write_text
from deploy.machine.description import describe

VERSIONED_PACKAGES = (
    "torch",
    "torchao",
    "lightning-fabric",
    "neural-compressor",
    "onnxruntime",
    "litert-torch",
    "ai-edge-quantizer",
    "ai-edge-litert",
)


MODEL_DIGEST = "model_sha256"
"""Key of the digest of the file that scores or predictions come from."""

RECORDED: dict[str, tuple[type, str]] = {
    "split": (int, "a whole number"),
    "seed": (int, "a whole number"),
    "data": (str, "a path"),
    "store": (str, "a path"),
}
"""Keys of a run's record that later stages need, with their types and what to call those."""


@dataclass(frozen=True)
class Run:
    """A run folder and the places in it."""

    folder: Path

    @property
    def recipe_file(self) -> Path:
        """The resolved recipe."""
        return self.folder / "recipe.yaml"

    @property
    def record_file(self) -> Path:
        """Split, seed, data, versions, machine and commit."""
        return self.folder / "run.json"

    @property
    def checkpoint_file(self) -> Path:
        """State of a training that has not ended; removed when it has."""
        return self.folder / "checkpoint.pt"

    @property
    def weights_file(self) -> Path:
        """Weights after the last epoch."""
        return self.folder / "weights.safetensors"

    @property
    def history_file(self) -> Path:
        """Learning curve: a row an epoch."""
        return self.folder / "history.csv"

    @property
    def training_list_file(self) -> Path:
        """The clips trained on, a name a line."""
        return self.folder / "training_clips.txt"

    @property
    def responses_file(self) -> Path:
        """The impulse responses trained with, a name a line."""
        return self.folder / "impulse_responses.txt"

    @property
    def complexity_file(self) -> Path:
        """Parameters, MACs and bytes as the organisers count them."""
        return self.folder / "complexity.json"

    @property
    def calibration_file(self) -> Path:
        """The clips that calibrated the int8 files, a name a line."""
        return self.folder / "calibration_clips.txt"

    def quantization_file(self, method: str) -> Path:
        """How a method of quantisation made its int8 files: settings, clips, versions."""
        return self.folder / "quantization" / f"{method}.json"

    @property
    def qat_checkpoint_file(self) -> Path:
        """State of a quantisation-aware training that has not ended; removed when it has."""
        return self.folder / "quantization" / "qat-checkpoint.pt"

    @property
    def qat_settings_file(self) -> Path:
        """What that training was started with; removed with its state."""
        return self.folder / "quantization" / "qat-settings.json"

    @property
    def qat_history_file(self) -> Path:
        """Learning curve of the quantisation-aware training: a row an epoch."""
        return self.folder / "quantization" / "qat-history.csv"

    @property
    def quantize_log(self) -> Path:
        """What the converters printed."""
        return self.folder / "quantize.log"

    @property
    def agreement_file(self) -> Path:
        """How far the exported forms of the network agree, and the noise of the int8 layers."""
        return self.folder / "quantization" / "agreement.json"

    @property
    def agreement_picture(self) -> Path:
        """Agreement and accuracy of the exported forms."""
        return self.plots / "agreement.png"

    @property
    def layer_noise_picture(self) -> Path:
        """Signal-to-quantisation-noise of the int8 layers."""
        return self.plots / "layer-noise.png"

    @property
    def plots(self) -> Path:
        """Folder of pictures."""
        return self.folder / "plots"

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard events."""
        return self.folder / "tensorboard"

    def model_file(self, system: str) -> Path:
        """The exported file of a system such as `onnx-fp32` or `tflite-int8`."""
        return self.folder / "models" / f"{system}.{system.split('-')[0]}"

    def evaluation_file(self, system: str) -> Path:
        """Scores of a system on the test split."""
        return self.folder / "evaluation" / f"{system}.json"

    def probabilities_file(self, system: str) -> Path:
        """A system's probabilities on the test split, (clips, classes) float32, in list order."""
        return self.folder / "evaluation" / f"{system}.npy"

    def predictions_file(self, system: str) -> Path:
        """Predictions of a system on the evaluation set."""
        return self.folder / "predictions" / f"{system}.csv"

    def predictions_record_file(self, system: str) -> Path:
        """What those predictions belong to: model, recordings, and the CSV itself."""
        return self.folder / "predictions" / f"{system}.json"

    def partial_predictions_file(self, system: str) -> Path:
        """Predictions that have not ended; removed when they have."""
        return self.folder / "predictions" / f"{system}.part"

    def source_file(self, system: str) -> Path:
        """What a system's numbers come from: its exported file, or the weights."""
        return self.weights_file if system.startswith("torch-") else self.model_file(system)

    def is_current(self, record: Path, system: str) -> bool:
        """Whether scores or predictions come from the system's file as it is now.

        Their record tells by the file's digest. One without is judged by its age.
        """
        source = self.source_file(system)
        if not source.is_file():
            return True
        try:
            return bool(read_json(record)[MODEL_DIGEST] == file_digest(source))
        except (InputError, KeyError, TypeError):  # whoever reads the record tells what is wrong
            return not record.is_file() or record.stat().st_mtime_ns >= source.stat().st_mtime_ns

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe, read from the folder."""
        if not self.recipe_file.is_file():
            raise InputError(f"{self.recipe_file}: there is no such file; train again.")
        return load_recipe(str(self.recipe_file))

    @property
    def record(self) -> dict[str, Any]:
        """What `create_run` recorded: split, seed, data folder, versions, machine, commit.

        Raises:
            InputError: damaged.
        """
        return _read_record(self.record_file)

    @property
    def split(self) -> int:
        """Percentage of the training data used."""
        return int(self.record["split"])

    @property
    def seed(self) -> int:
        """What the training's random numbers come from."""
        return int(self.record["seed"])

    def evaluation(self, system: str) -> dict[str, Any]:
        """The scores that `evaluate` wrote for a system.

        Raises:
            InputError: the system was not evaluated.
        """
        path = self.evaluation_file(system)
        if not path.is_file():
            raise InputError(
                f"{path}: this system was not evaluated; run: tinyscene evaluate {self.folder}"
            )
        scores: dict[str, Any] = read_json(path)
        return scores

    def is_scored(self, system: str) -> bool:
        """Whether the run was trained to the end and then scored as this system."""
        scores = self.evaluation_file(system)
        whole = self.weights_file.is_file() and scores.is_file()
        return whole and self.is_current(scores, system)

    def evaluated_systems(self) -> list[str]:
        """Systems that have scores, in alphabetical order."""
        return sorted(path.stem for path in self.evaluation_file("x").parent.glob("*.json"))


def create_run(
    folder: Path,
    recipe: Recipe,
    *,
    split: int,
    seed: int,
    data: Path,
    store: Path,
    teachers: Path | None = None,
) -> Run:
    """Start a run folder, or go on with one that was started with the same recipe and seed.

    Args:
        teachers: file of logits that the run learns from, if it does.

    Raises:
        InputError: the folder holds another run or something else.
    """
    run = Run(make_folder(folder))
    _refuse_foreign(run)
    record: dict[str, Any] = {
        "split": split,
        "seed": seed,
        "data": str(data.resolve()),
        "store": str(store.resolve()),
    }
    if teachers:
        record["teachers"] = str(teachers.resolve())
    if run.record_file.is_file():
        _require_same(run, recipe, record)
        return run
    write_text(run.recipe_file, save_recipe(recipe))
    write_json(run.record_file, record | environment())
    return run


def open_run(folder: Path, *, trained: bool = True) -> Run:
    """Open a run folder.

    Raises:
        InputError: not a run folder, a damaged record, or not trained to the end where that is
            needed.
    """
    run = Run(folder)
    if not run.record_file.is_file():
        raise InputError(
            f"{folder}: is not a run folder ({run.record_file.name} is missing); "
            "give a folder that `tinyscene train` or `tinyscene run` wrote."
        )
    _read_record(run.record_file)
    if trained and not run.weights_file.is_file():
        raise InputError(
            f"{folder}: its training has not ended ({run.weights_file.name} is missing); "
            "start the same training again to finish it."
        )
    return run


def environment() -> dict[str, Any]:
    """Versions, machine and commit, for the record."""
    return {
        "versions": _package_versions(),
        "machine": describe(),
        "commit": commit(),
    }


def _refuse_foreign(run: Run) -> None:
    if run.record_file.is_file():
        return
    begun = {run.recipe_file.name}  # of a start that was killed, with temporary files
    names = sorted(path.name for path in run.folder.iterdir() if not path.name.startswith("."))
    if foreign := [name for name in names if name not in begun]:
        raise InputError(
            f"{run.folder}: found '{foreign[0]}', expected a run or an empty folder; choose "
            "another folder with --out."
        )


def _read_record(path: Path) -> dict[str, Any]:
    record = read_json(path)
    if not isinstance(record, dict):
        raise InputError(
            f"{path}: expected split, seed and more by name, found a {type(record).__name__}; "
            "train again."
        )
    for key, (kind, expected) in RECORDED.items():
        if type(record.get(key)) is not kind:
            raise InputError(
                f"{path}: key '{key}': found {record.get(key)!r}, expected {expected}; train again."
            )
    return record


def _require_same(run: Run, recipe: Recipe, record: dict[str, Any]) -> None:
    for key, value in record.items():
        if run.record.get(key) != value:
            raise InputError(
                f"{run.folder}: holds a run with {key} {run.record.get(key)}, not {value}; "
                "choose another folder with --out."
            )
    if run.recipe != recipe:
        raise InputError(
            f"{run.folder}: holds a run of another recipe (see {run.recipe_file.name}); "
            "choose another folder with --out."
        )


def _package_versions() -> dict[str, str]:
    versions = {}
    for package in VERSIONED_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def commit() -> str | None:
    """The commit of these sources, or None outside a git checkout."""
    root = Path(__file__).parent.parent
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
