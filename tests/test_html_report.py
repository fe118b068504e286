"""The HTML report: figures as in the runs' files, structure, nothing loaded, text escaped."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import tinyscene
from baseline.challenge import MAX_MACS, SCENES
from baseline.run import Run
from deploy.files import read_json, write_json
from submission.html_report.charts import gauge
from submission.html_report.collect import collect
from submission.html_report.page import render
from tests.conftest import write_tiny_dataset
from tests.result_runs import recipe_of, write_result

HOSTILE = "<script>alert(1)<b> &amp; '\""
VOID = {"meta", "link"}
DRAWN = {"circle", "line", "polygon", "polyline", "rect"}


class Page(HTMLParser):
    """Elements with the elements around them; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None], str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), self.open[-1] if self.open else ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), self.open[-1]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes, _ in self.elements if tag in tags]


def write_runs(folder: Path, name: str = "small") -> list[Run]:
    """Two splits with two seeds each, and a count of a network of one layer."""
    runs = [
        write_result(folder, recipe_of(name), split, seed, parameters=None)
        for split in (5, 100)
        for seed in range(2)
    ]
    layer = {"name": name, "kind": "Conv2d", "output_shape": [1, 8, 4, 2]}
    for run in runs:
        write_json(
            run.complexity_file,
            {
                "network": "baseline2024",
                "parameters": 72,
                "macs": 576,
                "weight_macs": 576,
                "precision": "fp16",
                "bytes": 144,
                "peak_activation_bytes": 128,
                "layers": [layer | {"parameters": 72, "macs": 576}],
            },
        )
    return runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    return write_runs(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(runs: list[Run]) -> Page:
    return Page(render(collect([runs[0].folder.parent])))


def test_macro_accuracy_is_the_mean_of_the_files(runs: list[Run], page: Page) -> None:
    for split in (5, 100):
        values = [
            100 * read_json(run.evaluation_file("torch-fp16"))["macro_accuracy"]
            for run in runs
            if run.split == split
        ]
        wanted = f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"
        assert wanted in page.text


def test_differences_are_paired_by_seed(tmp_path: Path) -> None:
    scores = [
        [
            read_json(run.evaluation_file("torch-fp16"))["macro_accuracy"]
            for run in (
                write_result(tmp_path, recipe_of(name), 5, seed, accuracy=accuracy, parameters=None)
                for seed in range(4)
            )
        ]
        for name, accuracy in (("small", 0.5), ("student", 0.8))
    ]
    stats = pytest.importorskip("scipy.stats")
    points = [100 * (later - earlier) for earlier, later in zip(*scores, strict=True)]
    interval = stats.t.interval(0.95, 3, np.mean(points), stats.sem(points))
    text = " ".join(Page(render(collect([tmp_path]))).text.split())
    found = f"{np.mean(points):+.2f} {interval[0]:+.2f} to {interval[1]:+.2f} excluded"
    assert f"student - small 5 % macro 4 {found}" in text
    assert "needs two pairs" not in text


def test_confusion_is_the_sum_of_the_files(runs: list[Run], page: Page) -> None:
    files = [run.evaluation_file("torch-fp16") for run in runs if run.split == 100]
    total = np.sum([read_json(path)["confusion"] for path in files], axis=0)
    hints = [cell.get("title") for cell in page.of("td") if cell.get("title")]
    for row, scene in zip(total, SCENES, strict=True):
        for clips, answer in zip(row, SCENES, strict=True):
            assert f"{scene} taken for {answer}: {clips} of {row.sum()} clips" in hints


def test_budget_and_layers(page: Page) -> None:
    assert "144 of 128,000 bytes" in page.text
    assert "576 of 30,000,000 MACs" in page.text
    assert "128" in page.text  # bytes of 8 x 4 x 2 values of 16 bit


def test_nothing_is_loaded(page: Page) -> None:
    loading = {"script", "img", "iframe", "object", "embed", "video", "audio", "base", "form"}
    assert not loading & {tag for tag, _, _ in page.elements}
    assert [link["href"] for link in page.of("link")] == ["data:,"]
    assert all((link["href"] or "").startswith("#") for link in page.of("a"))


def test_style_loads_nothing(runs: list[Run]) -> None:
    text = render(collect([runs[0].folder.parent]))
    assert not re.search(r"url\(|@import|https?:", text)


def test_headings_are_in_order(page: Page) -> None:
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_have_captions_and_scopes(page: Page) -> None:
    assert len(page.of("caption")) == len(page.of("table")) > 5
    assert all(cell.get("scope") in ("col", "row") for cell in page.of("th"))


def test_charts_have_names_that_exist(page: Page) -> None:
    ids = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    charts = page.of("svg")
    assert len(charts) >= 9
    for chart in charts:
        assert chart["role"] == "img"
        assert set((chart["aria-labelledby"] or "").split()) <= set(ids)


def test_landmarks_and_links(page: Page) -> None:
    for tag in ("header", "nav", "main", "footer"):
        assert len(page.of(tag)) == 1
    ids = {attributes.get("id") for _, attributes, _ in page.elements}
    assert all((link["href"] or "")[1:] in ids for link in page.of("a"))


def test_what_is_missing_is_said_with_its_remedy(page: Page) -> None:
    for command in ("--data DATA", "tinyscene bench", "tinyscene mcu report", "--report"):
        assert command in page.text


def test_foreign_text_is_escaped(tmp_path: Path) -> None:
    write_runs(tmp_path, HOSTILE)
    page = Page(render(collect([tmp_path])))
    assert page.of("script") == []
    assert HOSTILE in page.text


def test_stale_run_is_named_and_left_out(tmp_path: Path) -> None:
    runs = write_runs(tmp_path)
    os.utime(runs[0].weights_file)
    found = collect([tmp_path])
    assert list(found.results.left_out) == [runs[0].folder.name]
    assert "was trained after its scores as torch-fp16 were written" in Page(render(found)).text


def test_runs_may_be_given_twice(runs: list[Run]) -> None:
    folder = runs[0].folder
    assert len(collect([folder.parent, folder]).results.runs) == len(runs)


def test_cities_come_from_places(tmp_path: Path) -> None:
    """A run that is always right is right in every city, and one that is not, is not."""
    from baseline.clips import read_dataset
    from baseline.metrics import evaluate

    write_tiny_dataset(tmp_path / "data")
    run = write_result(tmp_path / "runs", recipe_of("small"), 100, 0, parameters=None)
    data = read_dataset(tmp_path / "data")
    clips = data.clips.iloc[data.test]
    labels = clips.label.to_numpy()
    cities = clips.filename.str.split("-").str[1].to_numpy()
    wrong = cities == cities[0]
    probabilities = np.eye(len(SCENES), dtype=np.float32)[(labels + wrong) % len(SCENES)]
    for system in ("torch-fp32", "torch-fp16"):
        scores = evaluate(probabilities, labels, clips.device.to_list())
        write_json(run.evaluation_file(system), scores)
        np.save(run.probabilities_file(system), probabilities)
    from submission.html_report.accuracies import city_section

    section = city_section(collect([tmp_path / "runs"], data=tmp_path / "data"))
    table = section.parts[0].parts[1]
    assert {row[0]: row[1] for row in table.rows} == {
        city: "0.0" if city == cities[0] else "100.0" for city in set(cities)
    }


def test_gauge_says_when_it_is_over() -> None:
    assert "1 MACs over" in gauge("g", "Computation", MAX_MACS + 1, MAX_MACS, "MACs")
    assert "0 MACs left" in gauge("g", "Computation", MAX_MACS, MAX_MACS, "MACs")


def test_command_writes_the_page(
    runs: list[Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    assert tinyscene.main(["report", str(runs[0].folder.parent), "--out", str(out)]) == 0
    assert "4 runs" in capsys.readouterr().out
    assert len(Page(out.read_text()).of("svg")) >= 9


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_chromium_draws_it_without_complaint(runs: list[Run], tmp_path: Path) -> None:
    """The script that measures is the test's own; the page has none and forbids them."""
    text = render(collect([runs[0].folder.parent]))
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    measure = (
        "<script>document.title=[...document.querySelectorAll('svg')]"
        ".map(s=>s.getBoundingClientRect()).every(r=>r.width>100&&r.height>40)"
        "+' '+(document.documentElement.scrollWidth<=innerWidth)</script></body>"
    )
    (tmp_path / "measured.html").write_text(text.replace("</body>", measure))
    (tmp_path / "page.html").write_text(render(collect([runs[0].folder.parent])))
    for name in ("measured", "page"):
        result = _chromium(tmp_path / f"{name}.html", tmp_path / f"profile-{name}")
        assert "CONSOLE" not in result.stderr
        if name == "measured":
            assert "<title>true true</title>" in result.stdout


def _chromium(page: Path, profile: Path) -> subprocess.CompletedProcess[str]:
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += ["--enable-logging=stderr", "--v=0", f"--user-data-dir={profile}"]
    command += ["--window-size=1200,900", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
