"""The doctor: what works is tried, what does not is told."""

import subprocess
import sys

import pytest
from ai_edge_litert import schema_py_generated as schema

import tinyscene
from deploy import doctor, interpreters
from deploy.interpreters import LITERT, TFLITE_RUNTIME


def test_the_empty_model_is_a_valid_file():
    model = schema.ModelT.InitFromPackedBuf(doctor.EMPTY_MODEL)
    assert model.version == 3
    assert list(model.subgraphs[0].inputs) == list(model.subgraphs[0].outputs) == [0]


def test_what_is_installed_here_works(capsys):
    assert tinyscene.main(["doctor"]) == 0
    said = capsys.readouterr().out
    rows = dict(line.split()[:2] for line in said.splitlines() if len(line.split()) > 1)
    assert rows[LITERT] == rows["onnxruntime"] == rows["torch"] == "works"
    assert said.endswith("\nsound\n")


def test_an_interpreter_that_imports_but_does_not_work_is_told(monkeypatch):
    def fail(content, threads):
        raise SystemError("numpy.core.multiarray failed to import")

    monkeypatch.setitem(interpreters._LOADERS, TFLITE_RUNTIME, fail)
    monkeypatch.setattr(doctor, "version", lambda name: "2.14.0")
    found = doctor._try(TFLITE_RUNTIME, "", doctor._run_empty_model)
    assert found.state == doctor.BROKEN
    assert "needs numpy<2" in found.remark


@pytest.mark.parametrize("name", [LITERT, "onnxruntime"])
def test_one_working_interpreter_is_enough(name):
    works = doctor.Finding(name, doctor.WORKS, "", "")
    absent = doctor.Finding(TFLITE_RUNTIME, doctor.ABSENT, "", "")
    assert doctor.Findings((works, absent)).sound
    assert not doctor.Findings((absent,)).sound


def test_what_is_installed_must_work():
    works = doctor.Finding(LITERT, doctor.WORKS, "", "")
    broken = doctor.Finding("torch", doctor.BROKEN, "libcudart.so: no such file", "")
    findings = doctor.Findings((works, broken))
    assert not findings.sound
    assert "libcudart.so" in doctor.format_findings(findings)
    assert doctor.format_findings(findings).endswith(
        "not sound: install torch again, or remove what nobody needs"
    )


def test_without_any_package_nothing_works():
    script = (
        "import sys, tinyscene;"
        "from deploy import doctor;"
        "doctor.version = lambda name: None;"
        "sys.exit(tinyscene.main(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no interpreter works; run: pip install ai-edge-litert" in done.stdout
