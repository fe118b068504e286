"""The pictures of a folder of runs: there, not blank, and of the right numbers."""

import numpy as np
import pytest
from matplotlib import image

from deploy.errors import InputError
from submission.results.curves import plot_learning_curves, read_curves
from submission.results.folder import read_results
from submission.results.parameters import plot_parameters
from submission.results.plots import draw, plot_devices, plot_splits
from tests.result_runs import recipe_of, write_result

WIDTHS = {16: 28_500, 24: 63_164}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for split in (5, 100):
        for seed in range(3):
            write_result(folder, recipe_of("small"), split, seed, accuracy=0.5)
            for width, parameters in WIDTHS.items():
                options = {"network": "cpresnet2020", "network_options": {"width": width}}
                recipe = recipe_of(f"width{width}", **options)
                write_result(folder, recipe, split, seed, parameters=parameters)
    return read_results(folder)


@pytest.mark.slow
def test_every_picture_is_written_and_not_blank(results, tmp_path):
    said = draw(results, tmp_path / "new" / "pictures")
    names = {path.name for path in (tmp_path / "new" / "pictures").iterdir()}
    curves = {f"learning-curves-{name}.png" for name in ("small", "width16", "width24")}
    assert names == curves | {"devices.png", "splits.png", "parameters.png"}
    assert sorted(said) == sorted(str(tmp_path / "new" / "pictures" / name) for name in names)
    for path in said:
        pixels = image.imread(path)
        height, width = pixels.shape[:2]
        assert min(height, width) > 300
        assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 50


def test_bars_are_the_devices_means(results):
    figure = plot_devices(results)
    axes = figure.axes[1]  # split 100
    runs = [run for run in results.of("width24") if run.split == 100]
    for place, device in enumerate(("a", "b", "c", "s1", "s2", "s3", "s4", "s5", "s6")):
        accuracies = [100 * run.scores.devices[device].accuracy for run in runs]
        bar = min(axes.patches, key=lambda bar: abs(_middle(bar) - (place + 0.8 / 3)))
        assert bar.get_height() == pytest.approx(np.mean(accuracies))
    assert "split 100 %, n = 3" in axes.get_ylabel()
    assert [text.get_text() for text in axes.texts] == ["real", "seen", "unseen"]


def _middle(bar):
    wide = bar.get_width() > 0.5  # the ground of a group of devices
    return np.inf if wide else bar.get_x() + bar.get_width() / 2


def test_marks_stand_at_parameters_and_unseen_accuracy(results):
    figure = plot_parameters(results, results.runs)
    for axes, split in zip(figure.axes, (5, 100), strict=True):
        means = {}
        for name in results.recipes:
            runs = [run for run in results.of(name) if run.split == split]
            means[name] = 100 * np.mean([run.accuracy("unseen") for run in runs])
        found = {
            bars.get_label(): bars.lines[0].get_xydata()[0].tolist() for bars in axes.containers
        }
        assert found["width16 (torch-fp16), 28,500"] == pytest.approx([28_500, means["width16"]])
        assert found["small (torch-fp16), 61,148"] == pytest.approx([61_148, means["small"]])
        joined = next(line for line in axes.lines if line.get_label() == "only the width differs")
        places = [(size, means[f"width{width}"]) for width, size in WIDTHS.items()]
        assert joined.get_xydata() == pytest.approx(np.array(places))
        low, high = axes.get_ylim()
        assert all(low < mean < high for mean in means.values())


def test_lines_over_the_splits_stay_in_the_picture(results):
    figure = plot_splits(results)
    macro = figure.axes[0]
    low, high = macro.get_ylim()
    for run in results.runs:
        assert low < 100 * run.accuracy("macro") < high
    assert [label.get_text() for label in macro.get_xticklabels()] == ["5", "100"]


def test_learning_curves_are_means_of_the_seeds(results):
    curves = read_curves(results.of("small"))
    figure = plot_learning_curves(curves, "small on invented")
    training, test = figure.axes[2].lines  # accuracy on split 5
    last = curves[5][curves[5].epoch == 20]
    assert len(last) == 3
    assert training.get_ydata()[-1] == pytest.approx(100 * last.train_accuracy.mean())
    assert test.get_xdata().tolist() == [5, 10, 15, 20]
    assert test.get_ydata()[-1] == pytest.approx(100 * last.test_accuracy.mean())


def test_what_cannot_be_drawn_is_said(tmp_path):
    write_result(tmp_path / "runs", recipe_of("small"), 5, 0, parameters=None)
    write_result(tmp_path / "runs", recipe_of("a $x_{ name"), 5, 0)
    said = draw(read_results(tmp_path / "runs"), tmp_path / "pictures")
    assert said[-1].startswith("parameters.png: shows 1 of 2 runs; the others have no ")
    assert (tmp_path / "pictures" / "learning-curves-a $x_{ name.png").is_file()


def test_runs_without_unseen_devices_are_drawn_as_far_as_they_go(tmp_path):
    write_result(tmp_path / "runs", recipe_of("small"), 5, 0, devices=("b", "s1"))
    said = draw(read_results(tmp_path / "runs"), tmp_path / "pictures")
    assert "no clip of an unseen device" in said[-1]
    assert not (tmp_path / "pictures" / "parameters.png").exists()
    assert (tmp_path / "pictures" / "devices.png").is_file()


def test_a_damaged_learning_curve_is_refused_before_any_picture(tmp_path):
    run = write_result(tmp_path / "runs", recipe_of("small"), 5, 0)
    run.history_file.write_text("epoch\n")
    with pytest.raises(InputError, match="is not a learning curve"):
        draw(read_results(tmp_path / "runs"), tmp_path / "pictures")
    assert not list(tmp_path.glob("pictures/*"))
