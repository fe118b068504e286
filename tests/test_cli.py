"""The door: its help, its exit codes, and that it opens without the heavy rooms behind it."""

import subprocess
import sys

import pytest

import tinyscene
from submission.commands import data


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def verbs():
    parser = tinyscene.build_parser()
    found = {}

    def walk(parser, path):
        children = [a for a in parser._actions if hasattr(a, "choices") and a.nargs == "A..."]
        for action in children:
            for name, child in action.choices.items():
                walk(child, (*path, name))
        if not children:
            found[path] = parser

    walk(parser, ())
    return found


@pytest.mark.parametrize("path", sorted(verbs()), ids=" ".join)
def test_help_shows_an_example(path, capsys):
    with pytest.raises(SystemExit) as stop:
        tinyscene.main([*path, "--help"])
    assert stop.value.code == 0
    assert f"example: tinyscene {' '.join(path)}" in capsys.readouterr().out


def test_the_promised_verbs_are_there():
    promised = "run train evaluate check quantize predict bench package validate"
    data = {("data", verb) for verb in ("sample", "fetch", "check", "prepare")}
    assert {(verb,) for verb in promised.split()} | data <= set(verbs())


def test_help_imports_nothing_heavy():
    heavy = "{'torch', 'pandas', 'numpy', 'pydantic', 'matplotlib', 'yaml'}"
    code = f"import sys, tinyscene; tinyscene.build_parser(); print({heavy} & set(sys.modules))"
    assert run_python(code).stdout.strip() == "set()"


def test_deploy_needs_neither_torch_nor_pandas_nor_our_other_rooms():
    modules = (
        "deploy.classifier, deploy.bench.measure, deploy.bench.compare, deploy.listen.command, "
        "deploy.recordings, deploy.doctor"
    )
    unwanted = "{'torch', 'pandas', 'pydantic', 'baseline', 'quantize', 'submission'}"
    code = f"import sys, {modules}; print({unwanted} & set(sys.modules))"
    assert run_python(code).stdout.strip() == "set()"


def test_unknown_verb_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        tinyscene.main(["trian"])
    assert stop.value.code == 2
    assert "trian" in capsys.readouterr().err


def test_check_exits_with_its_verdict(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert tinyscene.main(["check", "baseline2024"]) == 0
    assert "29,419,156" in capsys.readouterr().out
    assert tinyscene.main(["check", "baseline2024", "--precision", "fp32"]) == 1
    assert tinyscene.main(["check", "baseline1999"]) == 2


def test_stopping_is_not_an_error_message(monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "recipes", interrupted)
    assert tinyscene.main(["recipes"]) == 130
    assert "start the same command again" in capsys.readouterr().err


def test_missing_package_names_the_extra(monkeypatch, capsys):
    def absent(_):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(data, "recipes", absent)
    assert tinyscene.main(["recipes"]) == 2
    assert "needs the package torch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "sentence"),
    [
        ("mcu", "Compile an int8 .tflite file into C."),
        ("mcu test", "Run a C project, compare with TFLM."),
        ("estimate", "What an Ethos-U NPU would make of it."),
    ],
)
def test_a_verb_is_described_in_its_own_spelling(verb, sentence):
    assert verbs()[(verb,)].description == sentence
