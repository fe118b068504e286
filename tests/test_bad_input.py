"""Bad input on the command line: one sentence that helps, the right exit code, nothing half done.

Each case breaks one thing in a copy of a small, sound workplace and runs one command there.
"""

from __future__ import annotations

import json
import re
import resource
import shlex
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

import tinyscene
from baseline.challenge import SPLITS
from baseline.recipe import load_recipe
from baseline.run import Run
from deploy.audio import STREAMED, read_mono
from deploy.files import read_json, write_json
from submission.package import package
from submission.team import load_team
from tests.conftest import write_tiny_dataset
from tests.synthetic_runs import LABEL, write_evaluation_list, write_runs, write_team
from tests.toy_models import write_toy

BAD_INPUT, FAILED_CHECK = 2, 1
NOISE = re.compile(r"^INFO: Created TensorFlow Lite .*\n|\r[^\r\n]*(\n(?=tinyscene: ))?", re.M)
"""What stands on standard error beside our sentence: LiteRT's greeting and progress bars."""

RATE_HZ = 44_100
CLIP = "data/audio/bus-lisbon-2-0-0-a.wav"
TRAIN = "train --data data --split 100 --recipe small --set train.epochs=1 --set train.batch_size=8"
DATA = "--data data --store data/prepared"
RUNS = " ".join(f"runs/split{split}" for split in SPLITS)
PACKAGE = f"package {RUNS} --team team.yaml --list list.csv --out new.zip"
FIRST_WEIGHT = "in_c.0.0.weight"
NAMES = [f"{number}.wav" for number in range(3)]

Break = Callable[[Path], object]
"""Spoils something in a workplace."""


@dataclass(frozen=True)
class Case:
    """A command in a spoilt workplace and what it must say."""

    title: str
    command: str
    words: tuple[str, ...]
    """What the sentence must hold, also in this order."""
    spoil: Break = lambda _: None
    code: int = BAD_INPUT
    leaves: tuple[str, ...] = ()
    """Beginnings of paths that the command may make: complete files of earlier stages, or the
    beginning of work that goes on when the command is started again."""
    file_limit: int | None = None
    """Bytes that the system lets a file have, as on a disk that is nearly full."""


# --- the workplace -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sound_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, its store, a trained run, recordings, five packaged runs and their package."""
    place = tmp_path_factory.mktemp("sound")
    write_tiny_dataset(place / "data")
    options = f"{TRAIN} --out {place}/run".replace("data data", f"data {place}/data")
    assert tinyscene.main(shlex.split(options)) == 0
    for system in ("onnx-fp32", "tflite-int8"):
        write_toy(Run(place / "run").model_file(system))
    for suffix in (".onnx", ".tflite"):
        write_toy(place / f"toy{suffix}")
    (place / "audio").mkdir()
    for name in NAMES:
        wav(f"audio/{name}")(place)
    names = write_evaluation_list(place / "list.csv", NAMES)
    runs = write_runs(place / "runs", NAMES)
    for run in runs:
        run.weights_file.touch()
    package(
        runs, load_team(write_team(place / "team.yaml")), place / "task1.zip", evaluation_list=names
    )
    return place


@pytest.fixture
def place(sound_place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to spoil, as the current folder."""
    copy = tmp_path / "place"
    shutil.copytree(sound_place, copy)
    monkeypatch.chdir(copy)
    return copy


def content(place: Path) -> dict[str, bytes | None]:
    """All files and folders with what is in them."""
    return {
        str(path.relative_to(place)): None if path.is_dir() else path.read_bytes()
        for path in place.rglob("*")
        if "__pycache__" not in path.parts
    }


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Writing beyond so many bytes of a file fails with an OSError, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def call(command: str) -> int:
    """The exit code of a command."""
    try:
        return tinyscene.main(shlex.split(command))
    except SystemExit as stop:
        return int(stop.code or 0)


# --- ways to spoil it ----------------------------------------------------------------------------


def write(name: str, text: str | bytes) -> Break:
    def spoil(place: Path) -> None:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return spoil


def edit(name: str, change: Callable[[bytes], bytes]) -> Break:
    def spoil(place: Path) -> None:
        before = (place / name).read_bytes()
        after = change(before)
        assert after != before
        (place / name).write_bytes(after)

    return spoil


def replace(name: str, old: str, new: str) -> Break:
    return edit(name, lambda data: data.replace(old.encode(), new.encode(), 1))


def cut(name: str) -> Break:
    return edit(name, lambda data: data[: len(data) * 2 // 3])


def append(name: str, text: str) -> Break:
    return edit(name, lambda data: data + text.encode())


def remove(name: str) -> Break:
    return lambda place: (place / name).unlink()


def folder(name: str) -> Break:
    return lambda place: (place / name).mkdir(parents=True)


def both(*breaks: Break) -> Break:
    def spoil(place: Path) -> None:
        for single in breaks:
            single(place)

    return spoil


def wav(
    name: str,
    *,
    samples: int = RATE_HZ,
    rate_hz: int = RATE_HZ,
    channels: int = 1,
    value: float | None = None,
) -> Break:
    def spoil(place: Path) -> None:
        wave = np.random.default_rng(0).normal(0, 0.1, (samples, channels)).clip(-1, 1)
        if value is not None:
            wave[samples // 2] = value
        (place / name).parent.mkdir(exist_ok=True)
        soundfile.write(place / name, wave, rate_hz, subtype="FLOAT")

    return spoil


def weights(value: float | None = None, drop: str | None = None) -> Break:
    """Replace one weight by a number, or leave a tensor out."""

    def spoil(place: Path) -> None:
        tensors = load_file(Run(place / "run").weights_file)
        if value is not None:
            tensors[FIRST_WEIGHT].view(-1)[0] = value
        save_file(
            {k: v for k, v in tensors.items() if k != drop}, place / "run/weights.safetensors"
        )

    return spoil


def moved_here(place: Path) -> None:
    """Make the run one of the workplace's own dataset."""
    data = place / "data"
    set_json("run/run.json", data=str(data), store=str(data / "prepared"))(place)


def unfinished(checkpoint: bytes | dict[str, object]) -> Break:
    """Make the run one whose training was stopped with this checkpoint."""

    def spoil(place: Path) -> None:
        run = Run(place / "run")
        run.weights_file.unlink()
        moved_here(place)
        if isinstance(checkpoint, bytes):
            run.checkpoint_file.write_bytes(checkpoint)
        else:
            torch.save(checkpoint, run.checkpoint_file)

    return spoil


def set_json(name: str, **changes: object) -> Break:
    """Change values of a JSON file; None leaves the key out."""

    def spoil(place: Path) -> None:
        values = read_json(place / name) | changes
        write_json(place / name, {k: v for k, v in values.items() if v is not None})

    return spoil


def zip_of(**files: str) -> Break:
    def spoil(place: Path) -> None:
        with zipfile.ZipFile(place / "bad.zip", "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)

    return spoil


def edited_zip(change: Callable[[str, str], str]) -> Break:
    """The valid package with the text of its files changed."""

    def spoil(place: Path) -> None:
        with zipfile.ZipFile(place / "task1.zip") as archive:
            texts = {name: archive.read(name).decode() for name in archive.namelist()}
        zip_of(**{name: change(name, text) for name, text in texts.items()})(place)

    return spoil


def without_last_column(name: str, text: str) -> str:
    if not name.endswith(".csv"):
        return text
    return "".join(line.rsplit("\t", 1)[0] + "\n" for line in text.splitlines())


RECIPE = "train:\n  epochs: 1\n  warmup_steps: 0\n"
WITH_RECIPE = "train --data data --split 100 --recipe my.yaml"

CASES = [
    # --- datasets
    Case("empty folder", "data prepare empty", ("empty/meta.csv", "no such file"), folder("empty")),
    Case("no folder", "data check absent", ("absent/meta.csv", "no such file", "give the folder")),
    Case("folder is a file", "data check list.csv", ("list.csv/meta.csv", "cannot be read")),
    Case(
        "WAV cut short",
        "data check data",
        ("unreadable file: 1", "bus-lisbon-2-0-0-a.wav"),
        cut(CLIP),
        code=FAILED_CHECK,
    ),
    Case(
        "all kinds of recordings checked at once",
        "data check data",
        ("missing file: 1", "unreadable file: 1", "samples not finite: 1", "wrong rate: 1"),
        both(
            remove(CLIP),
            write(CLIP.replace("-0-a", "-1-a"), ""),
            wav("data/audio/tram-lisbon-3-0-0-a.wav", value=np.nan),
            wav("data/audio/tram-lisbon-3-0-1-a.wav", rate_hz=48_000, samples=48_000),
        ),
        code=FAILED_CHECK,
    ),
    Case(
        "lists checked",
        "data check data --lists-only",
        ("duplicate row: 1, for example meta.csv", "list row that meta.csv lacks: 1"),
        both(
            edit("data/meta.csv", lambda d: d + d.splitlines(keepends=True)[-1]),
            append("data/split_setup/test.csv", "audio/absent.wav\n"),
        ),
        code=FAILED_CHECK,
    ),
    *(
        Case(
            f"{title}, preparing",
            "data prepare data --store new --workers 1",
            (CLIP, *words),
            spoil,
            leaves=("new.partial", "new.lock"),
        )
        for title, spoil, words in (
            ("WAV cut short", cut(CLIP), ("132,344 bytes are there", "replace it")),
            ("WAV of no bytes", write(CLIP, ""), ("cannot be read as audio", "replace it")),
            ("WAV without samples", wav(CLIP, samples=0), ("holds no samples", "replace it")),
            ("text named .wav", write(CLIP, "sound\n" * 99), ("cannot be read as audio",)),
            ("NaN samples", wav(CLIP, value=np.nan), ("NaN or infinite samples", "again")),
            ("infinite samples", wav(CLIP, value=np.inf), ("NaN or infinite samples", "again")),
            ("stereo", wav(CLIP, channels=2), ("found 2 channels", "expected 1", "convert")),
            ("48 kHz", wav(CLIP, rate_hz=48_000), ("found 48000 Hz", "expected 44100 Hz")),
            ("half a second", wav(CLIP, samples=22_050), ("found 22050", "expected 44100")),
        )
    ),
    Case("recording gone", TRAIN, (CLIP, "meta.csv lists it", "put it back"), remove(CLIP)),
    *(
        Case(f"meta.csv {title}", TRAIN, ("data/meta.csv: ", *words), spoil)
        for title, spoil, words in (
            (
                "without a column",
                replace("data/meta.csv", "scene_label", "label"),
                ("column 'scene_label' is missing", "found 'filename', 'label'", "expected TAB"),
            ),
            ("empty", write("data/meta.csv", ""), ("cannot be read as a TAB separated table",)),
            (
                "with a header only",
                write("data/meta.csv", "filename\tscene_label\tidentifier\tsource_label\n"),
                ("holds no rows", "expected at least one clip"),
            ),
            (
                "with a row twice",
                edit("data/meta.csv", lambda d: d + d.splitlines(keepends=True)[-1]),
                ("line 18 repeats 'audio/", "remove the repeated lines"),
            ),
            (
                "with an unknown scene",
                replace("data/meta.csv", "\ttram", "\tbeach"),
                ("line 6", "unknown scene 'beach'", "expected one of airport"),
            ),
            (
                "not in UTF-8",
                edit("data/meta.csv", lambda d: d.replace(b"lisbon-3", b"lisb\xf3n-3")),
                ("utf-8", "get the file again"),
            ),
            (
                "with commas",
                edit("data/meta.csv", lambda d: d.replace(b"\t", b",")),
                ("column 'filename' is missing", "expected TAB separated"),
            ),
            (
                "with an empty field",
                replace("data/meta.csv", "\ttram", "\t"),
                ("line 6 has an empty field", "complete the line"),
            ),
        )
    ),
    Case(
        "split list names an unknown clip",
        TRAIN,
        ("split100.csv: line 14 names 'audio/absent.wav'", "meta.csv lacks", "same dataset"),
        append("data/split_setup/split100.csv", "audio/absent.wav\n"),
    ),
    Case(
        "split list empty",
        TRAIN,
        ("split100.csv: holds no rows", "get the file again"),
        write("data/split_setup/split100.csv", "filename\n"),
    ),
    Case(
        "split list missing",
        TRAIN,
        ("split100.csv: there is no such list", "tinyscene data fetch"),
        remove("data/split_setup/split100.csv"),
    ),
    Case(
        "test list missing",
        TRAIN,
        ("test.csv: there is no such list", "tinyscene data fetch"),
        remove("data/split_setup/test.csv"),
    ),
    # --- recipes
    Case(
        "unknown key in --set",
        f"{TRAIN} --set train.epoch=3",
        ("unknown key 'train.epoch'", "did you mean 'epochs'?"),
    ),
    Case(
        "unknown key in a recipe",
        WITH_RECIPE,
        ("my.yaml: unknown key 'network_name'", "did you mean 'network'?"),
        write("my.yaml", RECIPE + "network_name: baseline2024\n"),
    ),
    Case("--set without a value", f"{TRAIN} --set train.epochs", ("--set train.epochs", "key=val")),
    Case("--set without a key", f"{TRAIN} --set =3", ("--set =3", "expected key=value")),
    Case(
        "--set into a value",
        f"{WITH_RECIPE} --set name.x=1",
        ("--set name.x=1", "'name' is a value"),
        write("my.yaml", RECIPE + "name: mine\n"),
    ),
    Case("--set of no YAML", f"{TRAIN} --set train.epochs=[", ("--set train.epochs=[", "YAML")),
    Case("--set of no date", f"{TRAIN} --set name=2024-13-45", ("--set name=2024-13-45", "YAML")),
    Case("epochs as a word", f"{TRAIN} --set train.epochs=many", ("train.epochs", "found 'many'")),
    Case("epochs as yes", f"{TRAIN} --set train.epochs=yes", ("train.epochs", "found True")),
    Case("no epochs", f"{TRAIN} --set train.epochs=0", ("train.epochs", "greater", "found 0")),
    Case("NaN rate", f"{TRAIN} --set train.learning_rate=.nan", ("learning_rate", "found nan")),
    Case("endless rate", f"{TRAIN} --set train.learning_rate=.inf", ("learning_rate", "found inf")),
    Case("section as a value", f"{TRAIN} --set train=3", ("key 'train'", "found 3")),
    Case("batch of one", f"{TRAIN} --set train.batch_size=1", ("train.batch_size", "found 1")),
    Case("unknown precision", f"{TRAIN} --set precision=fp8", ("precision", "fp16", "found 'fp8'")),
    Case(
        "recipe name leaves the folder",
        f"{TRAIN} --set name=../../elsewhere",
        ("--set name=", "key 'name': found '../../elsewhere'", "expected a name without slashes"),
    ),
    Case(
        "two warm-ups",
        WITH_RECIPE,
        ("my.yaml: key 'train': give exactly one of warmup_steps and warmup_share",),
        write("my.yaml", RECIPE + "  warmup_share: 0.1\n"),
    ),
    Case("unknown recipe", f"{TRAIN} --recipe smal", ("recipe 'smal'", "did you mean 'small'?")),
    Case("recipe is no YAML", WITH_RECIPE, ("my.yaml", "not a readable"), write("my.yaml", "a: [")),
    Case("recipe is a list", WITH_RECIPE, ("my.yaml", "found a list"), write("my.yaml", "- 1\n")),
    Case("recipe is empty", WITH_RECIPE, ("my.yaml", "found nothing"), write("my.yaml", "")),
    Case("recipe not in UTF-8", WITH_RECIPE, ("my.yaml", "utf-8"), write("my.yaml", b"\xff: 1\n")),
    Case(
        "recipe nested too deeply",
        WITH_RECIPE,
        ("my.yaml", "nested too deeply"),
        write("my.yaml", "a: " + "[" * 5000),
    ),
    Case(
        "recipe with a Python tag",
        WITH_RECIPE,
        ("my.yaml", "python/object/apply:os.mkdir"),
        write("my.yaml", RECIPE + "name: !!python/object/apply:os.mkdir [hacked]\n"),
    ),
    Case("unknown network", f"{TRAIN} --set network=resnet", ("network 'resnet'", "baseline2024")),
    Case("unknown front end", f"{TRAIN} --set front_end=mel", ("front end 'mel'", "dcase2024")),
    Case(
        "unknown front end to prepare for",
        "data prepare data --store new --front-end mel",
        ("front end 'mel'", "dcase2024"),
    ),
    # --- training
    Case(
        "over the budget",
        f"{TRAIN} --set precision=fp32",
        ("244,592 bytes", "limits are 128,000", "--over-budget"),
    ),
    Case("split of 7 %", TRAIN.replace("100", "7"), ("--split", "7", "5, 10, 25, 50, 100")),
    Case("split as a word", TRAIN.replace("100", "all"), ("--split", "'all'")),
    Case("no dataset given", "train --split 5", ("--data", "required", "tinyscene train --help")),
    Case("unknown option", f"{TRAIN} --epochs 3", ("--epochs 3", "--help")),
    Case("negative seed", f"{TRAIN} --seed -1", ("--seed", "-1", "whole number from 0")),
    Case(
        "huge seed",
        f"{TRAIN} --seed 99999999999999999999",
        ("--seed", "999", "whole number from 0 to 4294967295"),
    ),
    Case(
        "a rate that diverges",
        f"{TRAIN} --out new --set train.epochs=4 --set train.learning_rate=1e30",
        ("new: ", "loss", "epoch", "smaller train.learning_rate"),
        leaves=("new",),
    ),
    Case("run below a file", f"{TRAIN} --out list.csv/run", ("list.csv/run", "another place")),
    Case("store below a file", f"{TRAIN} --store list.csv/store", ("list.csv", "another place")),
    Case(
        "store is something else",
        f"{TRAIN} --store audio",
        ("audio: found '0.wav'", "expected a prepared store or an empty folder", "choose another"),
        leaves=("audio.lock",),
    ),
    Case(
        "run among recordings", f"{TRAIN} --out audio", ("audio: found '0.wav'", "empty", "--out")
    ),
    Case("run of another seed", f"{TRAIN} --out run --seed 1", ("run: ", "seed 0, not 1", "--out")),
    Case(
        "run of another recipe",
        f"{TRAIN} --out run --set train.epochs=9",
        ("run: holds a run of another recipe", "--out"),
        unfinished(b""),
        leaves=("run/complexity.json",),
    ),
    *(
        Case(
            f"checkpoint {title}",
            f"{TRAIN} --out run",
            ("run/checkpoint.pt: is damaged", "remove it"),
            unfinished(checkpoint),
        )
        for title, checkpoint in (
            ("cut short", b"PK\x03\x04"),
            ("without a state", {"network": {}}),
            ("of another network", {"network": {}, "optimizer": {}, "history": [], "threads": 1}),
            ("of another kind", {"network": 1, "optimizer": 2, "history": 3, "threads": 4}),
        )
    ),
    Case(
        "trained run without its learning curve",
        f"{TRAIN} --out run",
        ("run/history.csv", "train again"),
        both(moved_here, write("run/history.csv", "")),
    ),
    Case(
        "evaluation folder missing",
        TRAIN.replace("train", "run", 1) + " --audio absent --out new",
        ("absent: there is no such folder",),
    ),
    # --- full disks
    Case(
        "disk full while preparing",
        "data prepare data --store new --workers 1",
        ("new: cannot be written", "free some space"),
        file_limit=100_000,
        leaves=("new.partial", "new.lock"),
    ),
    Case(
        "disk full at a checkpoint",
        f"{TRAIN} --out new",
        ("new/checkpoint.pt: cannot be written", "free some space"),
        file_limit=300_000,
        leaves=("new",),
    ),
    Case(
        "disk full at predictions",
        "predict run --audio audio",
        ("run/predictions/torch-fp16.csv: cannot be written", "free some space"),
        file_limit=200,
        leaves=("run/predictions",),
    ),
    Case("disk full at a package", PACKAGE, ("new.zip: cannot be written", "free"), file_limit=500),
    Case(
        "disk full at a report",
        "bench toy.onnx --repeats 1 --out new.json",
        ("new.json: cannot be written", "free some space"),
        file_limit=100,
    ),
    # --- runs
    Case("no run", "evaluate absent", ("absent: is not a run folder", "tinyscene train")),
    Case("run folder is none", "evaluate audio", ("audio: is not a run folder", "tinyscene train")),
    Case(
        "run not trained",
        f"evaluate run {DATA}",
        ("run: its training has not ended", "start the same training again"),
        remove("run/weights.safetensors"),
    ),
    *(
        Case(f"run.json {title}", f"evaluate run {DATA}", ("run/run.json: ", *words), spoil)
        for title, spoil, words in (
            ("cut short", cut("run/run.json"), ("is not valid JSON",)),
            ("is a list", write("run/run.json", "[]"), ("expected split", "found a list")),
            (
                "without a seed",
                set_json("run/run.json", seed=None),
                ("'seed': found None", "expected a whole number"),
            ),
            (
                "with a word as split",
                set_json("run/run.json", split="all"),
                ("'split': found 'all'", "expected a whole number"),
            ),
            (
                "without the data's place",
                set_json("run/run.json", data=None),
                ("'data': found None", "expected a path"),
            ),
        )
    ),
    Case(
        "recipe.yaml missing",
        f"evaluate run {DATA}",
        ("run/recipe.yaml", "there is no such file"),
        remove("run/recipe.yaml"),
    ),
    Case(
        "recipe.yaml broken",
        f"evaluate run {DATA}",
        ("run/recipe.yaml", "not a readable YAML recipe"),
        write("run/recipe.yaml", "train: {"),
    ),
    Case(
        "weights cut short",
        f"evaluate run {DATA}",
        ("run/weights.safetensors: cannot be read as weights", "train again"),
        cut("run/weights.safetensors"),
    ),
    Case(
        "weights of another network",
        f"evaluate run {DATA}",
        ("run/weights.safetensors: does not fit network baseline2024", "train again"),
        weights(drop=FIRST_WEIGHT),
    ),
    *(
        Case(
            f"NaN weights, {command.split()[0]}",
            command,
            ("run/weights.safetensors: ", "NaN or infinite", "smaller learning rate"),
            weights(np.nan),
        )
        for command in (f"evaluate run {DATA}", f"quantize run {DATA}", "predict run --audio audio")
    ),
    Case(
        "store missing",
        f"evaluate run {DATA}",
        ("data/prepared: found no complete store", "tinyscene data prepare"),
        lambda place: shutil.rmtree(place / "data/prepared"),
    ),
    Case(
        "store cut short",
        f"evaluate run {DATA}",
        ("data/prepared: found no complete store", "tinyscene data prepare"),
        cut("data/prepared/samples.npy"),
    ),
    Case(
        "recording changed since",
        f"evaluate run {DATA}",
        (f"{CLIP}: has changed", "tinyscene data prepare"),
        wav(CLIP),
    ),
    Case("dataset moved", "evaluate run --data absent", ("absent/meta.csv", "no such file")),
    Case(
        "weights too large for 16 bits",
        f"evaluate run --backend torch {DATA}",
        ("run: torch-fp16 gives NaN", "expected probabilities", "smaller learning rate"),
        weights(1e30),
        leaves=("run/evaluation", "run/plots"),
    ),
    Case(
        "float probabilities damaged",
        f"evaluate run --backend onnx {DATA}",
        ("run/evaluation/torch-fp32.npy: is damaged", "tinyscene evaluate run --backend torch"),
        write("run/evaluation/torch-fp32.npy", "x"),
        leaves=("run/evaluation/onnx-fp32.npy",),
    ),
    Case(
        "backend without files",
        f"evaluate run --backend tflite {DATA}",
        ("run: has no tflite file", "tinyscene quantize run"),
        remove("run/models/tflite-int8.tflite"),
    ),
    Case("unknown backend", "evaluate run --backend jax", ("--backend", "'jax'", "tflite")),
    Case(
        "exported ONNX cut short",
        f"evaluate run --backend onnx {DATA}",
        ("run/models/onnx-fp32.onnx: is not a complete ONNX model", "export it again"),
        cut("run/models/onnx-fp32.onnx"),
    ),
    Case(
        "exported TFLite without its .json",
        f"evaluate run --backend tflite {DATA}",
        ("run/models/tflite-int8.tflite.json: is missing", "keep it beside"),
        remove("run/models/tflite-int8.tflite.json"),
    ),
    Case(
        "too few clips to calibrate",
        f"quantize run {DATA}",
        ("calibration: found 2 training clips", "expected at least 10", "larger split"),
        set_json("run/run.json", split=5),
    ),
    Case(
        "complexity of a run broken",
        f"quantize run {DATA}",
        ("run/complexity.json", "train again"),
        write("run/complexity.json", "{}"),
    ),
    # --- models
    Case("no model", "bench absent.onnx", ("absent.onnx", "no such model file")),
    Case("model of another kind", "bench list.csv", ("list.csv", "'.csv'", "expected .tflite or")),
    Case("ONNX cut short", "bench toy.onnx", ("toy.onnx", "complete ONNX"), cut("toy.onnx")),
    Case(
        "TFLite cut short", "bench toy.tflite", ("toy.tflite", "export it again"), cut("toy.tflite")
    ),
    Case("no TFLite", "bench toy.tflite", ("toy.tflite: is not a"), write("toy.tflite", b"x" * 99)),
    Case(
        "model without its .json",
        "bench toy.onnx",
        ("toy.onnx.json: is missing", "keep it beside toy.onnx"),
        remove("toy.onnx.json"),
    ),
    Case(
        "model's .json without labels",
        "bench toy.onnx",
        ("toy.onnx.json", "labels", "export the model again"),
        set_json("toy.onnx.json", labels=None),
    ),
    Case(
        "model's .json with a word as a rate",
        "bench toy.onnx",
        ("toy.onnx.json", "rate_hz", "export the model again"),
        replace("toy.onnx.json", "32000", '"fast"'),
    ),
    Case(
        "model's .json with a rate of zero",
        "bench toy.onnx",
        ("toy.onnx.json", "rate_hz", "export the model again"),
        replace("toy.onnx.json", "32000", "0"),
    ),
    *(
        Case(
            f"model's .json with {title}",
            "bench toy.onnx",
            ("toy.onnx.json", "contradict each other", "export the model again"),
            replace("toy.onnx.json", old, new),
        )
        for title, old, new in (
            ("a window longer than the FFT", '"n_fft": 4096', '"n_fft": 2'),
            ("more filters than bins", '"n_mels": 256', '"n_mels": 100000'),
            ("frequencies beyond half the rate", "16000.0", "99999.0"),
        )
    ),
    *(
        Case(
            f"{kind} of another input",
            f"bench toy{kind}",
            (f"toy{kind}", "1x1x256x65", "export it again"),
            lambda place, kind=kind: write_toy(place / f"toy{kind}", mels=128),
        )
        for kind in (".onnx", ".tflite")
    ),
    *(
        Case(
            f"{kind} of other classes",
            f"bench toy{kind}",
            (f"toy{kind}", "found 3", "expected 10", "export it again"),
            lambda place, kind=kind: write_toy(place / f"toy{kind}", classes=3),
        )
        for kind in (".onnx", ".tflite")
    ),
    Case("no repeats", "bench toy.onnx --repeats 0", ("--repeats", "0", "whole number from 1")),
    Case(
        "absurd repeats",
        "bench toy.onnx --repeats 999999999999",
        ("--repeats", "whole number from 1 to"),
    ),
    Case("no threads", "bench toy.onnx --threads 0", ("--threads", "0", "whole number from 1")),
    Case(
        "absurd threads", "bench toy.onnx --threads 100000", ("--threads", "whole number from 1 to")
    ),
    Case("no workers", "data prepare data --store new --workers 0", ("--workers", "0", "expected")),
    Case(
        "report below a file",
        "bench toy.onnx --repeats 1 --out list.csv/report.json",
        ("list.csv", "another place"),
    ),
    # --- predictions
    Case("no recordings", "predict run --audio empty", ("empty", "no WAV"), folder("empty")),
    Case("no folder to predict", "predict run --audio absent", ("absent", "no such folder")),
    Case(
        "list names a missing file",
        "predict run --audio audio --list list.csv",
        ("list.csv: 1 of 4 files are not in audio", "9.wav", "complete the folder"),
        append("list.csv", "audio/9.wav\n"),
    ),
    Case("no list", "predict run --audio audio --list absent", ("absent", "evaluation list")),
    Case(
        "list leaves the folder",
        "predict run --audio audio --list list.csv",
        ("list.csv", "../run/run.json", "expected one such as 0.wav"),
        append("list.csv", "audio/../run/run.json\n"),
    ),
    Case(
        "list names a file twice",
        "predict run --audio audio --list list.csv",
        ("list.csv", "'0.wav' twice"),
        append("list.csv", "audio/0.wav\n"),
    ),
    *(
        Case(f"{title}, predicting", "predict run --audio audio", ("audio/1.wav: ", *words), spoil)
        for title, spoil, words in (
            (
                "half a second",
                wav("audio/1.wav", samples=22_050),
                ("found 22050 samples", "expected at least 1 s", "longer recording"),
            ),
            ("stereo", wav("audio/1.wav", channels=2), ("found 2 channels", "mix it down")),
            ("WAV cut short", cut("audio/1.wav"), ("cannot be read as audio", "replace it")),
            ("NaN samples", wav("audio/1.wav", value=np.nan), ("NaN or infinite", "again")),
            ("odd rate", wav("audio/1.wav", rate_hz=44_099, samples=44_099), ("44099 Hz", "44100")),
            ("samples as large as integers", wav("audio/1.wav", value=2e4), ("20000", "-1 to 1")),
            ("rate of 1 Hz", wav("audio/1.wav", rate_hz=1), ("found 1 Hz", "expected")),
            ("absurd rate", wav("audio/1.wav", rate_hz=2**31 - 1), ("2147483647 Hz", "expected")),
        )
    ),
    Case(
        "unknown system", "predict run --audio audio --system jax", ("system 'jax'", "torch-fp16")
    ),
    Case(
        "system without a file",
        "predict run --audio audio --system onnx-int8",
        ("run/models/onnx-int8.onnx: is missing", "tinyscene quantize run"),
    ),
    # --- packages
    Case(
        "too few runs",
        PACKAGE.replace("runs/split100", ""),
        ("new.zip: was not written", "S401", "split 100", "expected one a split"),
    ),
    Case(
        "a split twice",
        PACKAGE.replace("runs/split100", "runs/split50"),
        ("new.zip: was not written", "S401", "split 100", "S402", "split 50"),
    ),
    Case(
        "mixed recipes",
        PACKAGE,
        ("new.zip: was not written", "S403", "runs/split50", "another recipe than runs/split5"),
        replace("runs/split50/recipe.yaml", "epochs: 150", "epochs: 100"),
    ),
    Case(
        "predictions missing",
        PACKAGE,
        ("new.zip: was not written", "S404", "torch-fp16.csv is missing", "tinyscene predict"),
        remove("runs/split25/predictions/torch-fp16.csv"),
    ),
    Case(
        "predictions of other files",
        PACKAGE,
        ("new.zip: was not written", "split_25.csv", "9.wav"),
        replace("runs/split25/predictions/torch-fp16.csv", "1.wav", "9.wav"),
    ),
    Case(
        "scores broken",
        PACKAGE,
        ("new.zip: was not written", "S405", "torch-fp16.json"),
        write("runs/split25/evaluation/torch-fp16.json", "[1"),
    ),
    Case(
        "a run that is none",
        PACKAGE.replace("runs/split25", "audio"),
        ("audio: is not a run folder", "tinyscene train"),
    ),
    Case("no team", PACKAGE.replace("team.yaml", "absent.yaml"), ("absent.yaml", "cannot be read")),
    Case("team broken", PACKAGE, ("team.yaml:1", "not YAML"), write("team.yaml", "authors: [")),
    Case(
        "team with a Python tag",
        PACKAGE,
        ("team.yaml:3", "python/object/apply:os.mkdir", "expected plain values"),
        replace(
            "team.yaml", "abbreviation: tiny", "abbreviation: !!python/object/apply:os.mkdir [h]"
        ),
    ),
    Case(
        "team with an unknown key",
        PACKAGE,
        ("team.yaml:", "unknown key 'sourcecode'", "did you mean 'source_code'?"),
        append("team.yaml", "sourcecode: https://example.org\n"),
    ),
    Case(
        "team without an e-mail",
        PACKAGE,
        ("team.yaml", "email"),
        replace("team.yaml", "  email: jo.doe@example.org\n", ""),
    ),
    Case("report missing", f"{PACKAGE} --report absent.pdf", ("absent.pdf: cannot be read",)),
    Case(
        "package below a file", f"{PACKAGE} --out list.csv/new.zip", ("list.csv", "another place")
    ),
    # --- validation
    Case("no package", "validate absent.zip", ("absent.zip: there is no such package", "zip")),
    Case("no evaluation list", "validate task1.zip --list absent", ("absent", "evaluation list")),
    Case("runs that are none", "validate task1.zip --runs audio", ("audio", "not a run folder")),
    *(
        Case(
            title,
            "validate bad.zip --list list.csv",
            words,
            spoil,
            code=FAILED_CHECK,
        )
        for title, spoil, words in (
            (
                "zip that leaves its folder",
                zip_of(**{"../task1/x.csv": "x"}),
                ("S002", "../task1/x.csv", "without '..'"),
            ),
            ("no zip", write("bad.zip", "text"), ("S001", "bad.zip", "no readable zip")),
            (
                "zip cut short",
                lambda place: write("bad.zip", (place / "task1.zip").read_bytes()[:-99])(place),
                ("S001", "bad.zip", "no readable zip"),
            ),
            ("zip of nothing", zip_of(), ("S102",)),
            (
                "CSV without its last column",
                edited_zip(without_last_column),
                ("S204", f"{LABEL}.output.split_5.csv:1", "tram"),
            ),
            (
                "metadata with a Python tag",
                edited_zip(lambda _, text: text.replace(": tiny", ": !!python/name:os.abort")),
                ("S302", f"{LABEL}.meta.yaml:", "python/name:os.abort"),
            ),
        )
    ),
    # --- budgets
    Case("unknown target", "check baselin", ("'baselin'", "did you mean 'baseline2024'?")),
    Case("target is a folder", "check audio", ("audio", "not a run folder", "tinyscene train")),
    Case("target of another kind", "check list.csv", ("list.csv", "'.csv'", "expected")),
    Case("no model to check", "check absent.onnx", ("absent.onnx", "no such")),
    Case("ONNX to check cut short", "check toy.onnx", ("toy.onnx", "again"), cut("toy.onnx")),
    Case(
        "TFLite to check cut short", "check toy.tflite", ("toy.tflite", "again"), cut("toy.tflite")
    ),
    Case("no such module", "check absent_module:net", ("absent_module", "neither")),
    Case(
        "no such function",
        "check module_a:nett",
        ("module_a", "no function 'nett'", "did you mean 'net'?"),
        write("module_a.py", "def net(): pass\n"),
    ),
    Case(
        "function raises",
        "check module_b:net",
        ("module_b:net", "ZeroDivisionError: division by zero"),
        write("module_b.py", "def net():\n    return 1 / 0\n"),
    ),
    Case(
        "function gives no network",
        "check module_c:net",
        ("module_c:net", "int", "expected a torch.nn.Module"),
        write("module_c.py", "def net():\n    return 1\n"),
    ),
    Case(
        "module does not parse",
        "check module_d:net",
        ("module_d", "cannot be imported", "SyntaxError"),
        write("module_d.py", "def net(:\n"),
    ),
    Case(
        "network does not take the input",
        "check module_e:net",
        ("module_e:net", "(1, 1, 256, 65)", "check the network"),
        write("module_e.py", "import torch\ndef net():\n    return torch.nn.Linear(3, 10)\n"),
    ),
    Case("input shape as words", "check small --input-shape a,b", ("--input-shape", "1,1,256,65")),
    Case(
        "absurd input shape",
        "check small --input-shape 1,1,99999999,99999999",
        ("network", "(1, 1, 99999999, 99999999)"),
    ),
    Case("input shape of zero", "check small --input-shape 1,1,0,65", ("0", "1,1,256,65")),
    Case("over the limit", "check small --precision fp32", ("244,592",), code=FAILED_CHECK),
    Case("unknown verb", "trian", ("'trian'", "train", "--help")),
    Case("no verb", "", ("VERB", "--help")),
    # --- sample and demo
    Case("sample over other files", "data sample audio", ("audio", "empty folder")),
    Case(
        "sample of a negative seed",
        "data sample new --seed -1",
        ("seed", "-1", "whole number from 0"),
    ),
    Case("sample below a file", "data sample list.csv/new", ("list.csv/new", "another place")),
    Case("demo below a file", "demo list.csv/demo", ("list.csv/demo", "another place")),
    Case("demo of no recipe", "demo new --recipe absent", ("recipe 'absent'", "did you mean")),
    Case("fetch over other files", "data fetch audio --accept-licence", ("audio", "empty folder")),
    Case("fetch over a file", "data fetch list.csv --accept-licence", ("list.csv", "is a file")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_bad_input(case: Case, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    case.spoil(place)
    before = content(place)
    capfd.readouterr()
    with nullcontext() if case.file_limit is None else limited_files(case.file_limit):
        code = call(case.command)
    said = capfd.readouterr()
    error = NOISE.sub("", said.err)
    assert "Traceback" not in error
    assert code == case.code, error or said.out
    if code == FAILED_CHECK:
        assert error == ""
        require_words(said.out, case.words)
    else:
        require_sentence(error)
        require_words(error, case.words)
    assert changes(before, content(place), case.leaves) == []


def require_sentence(text: str) -> None:
    """One line; a package's faults may follow, a line each with its code."""
    assert text.startswith("tinyscene: ")
    first, *rest = text.splitlines()
    assert first[-1] in ".?" or re.search(r": (tinyscene|pip install) \S[^:;]*$", first), first
    assert not first.endswith("?.")
    assert all(re.match(r"S\d{3} (fault|warning): |not valid: ", line) for line in rest), rest
    assert len(first) < 500


def require_words(text: str, words: tuple[str, ...]) -> None:
    for word in words:
        assert word in text


def changes(
    before: dict[str, bytes | None], after: dict[str, bytes | None], allowed: tuple[str, ...]
) -> list[str]:
    """Names of what was made, changed or removed, without what is allowed."""
    names = {
        name for name in before.keys() | after.keys() if before.get(name, 0) != after.get(name, 0)
    }
    return sorted(name for name in names if not name.startswith(allowed or ("\0",)))


def test_a_network_over_the_budget_trains_when_asked(place, capfd):
    options = "--out new --set precision=fp32 --over-budget"
    assert call(f"{TRAIN} {options}") == 0
    assert "OVER the limits" in capfd.readouterr().out
    assert Run(place / "new").weights_file.is_file()


def test_the_workplace_is_sound(place, capfd):
    """What the cases spoil works where nothing is spoilt."""
    commands = [
        "data check data",
        f"evaluate run --backend torch {DATA}",
        f"evaluate run --backend onnx {DATA}",
        "predict run --audio audio --list list.csv",
        "bench toy.onnx --repeats 1",
        "bench toy.tflite --repeats 1 --out new.json",
        "check toy.onnx",
        "check toy.tflite",
        f"validate task1.zip --list list.csv --runs {RUNS}",
        PACKAGE,
    ]
    for command in commands:
        assert call(command) == 0, (command, capfd.readouterr())
    assert json.loads(Path("new.json").read_text())["repeats"] == 1
    assert (place / "new.zip").read_bytes() == (place / "task1.zip").read_bytes()


def test_too_little_memory_is_one_sentence(monkeypatch, capsys):
    def greedy(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(tinyscene, "recipes", greedy)
    assert call("recipes") == BAD_INPUT
    require_sentence(capsys.readouterr().err)


@pytest.mark.parametrize("size", STREAMED)
def test_a_wav_written_before_its_length_was_known_is_whole(place, size):
    head = size.to_bytes(4, "little")
    edit("audio/1.wav", lambda data: data[:4] + head + data[8:])(place)
    assert read_mono(Path("audio/1.wav"))[0].shape == (RATE_HZ,)


def test_numbers_with_an_exponent_need_no_point():
    assert load_recipe("small", ["train.learning_rate=1e-3"]).train.learning_rate == 1e-3
