"""The JSON file beside a model: what it keeps, and what it refuses."""

import json
from dataclasses import MISSING, fields

import pytest

from deploy.errors import InputError
from deploy.files import read_json, write_json
from deploy.frontend import FRONT_ENDS, FrontEnd
from deploy.model_file import ModelInfo, info_file, read_info, write_info

LABELS = ("quiet", "loud")


def write(folder, name, **changes):
    """A model's JSON file with a front end's fields changed."""
    model = folder / "model.tflite"
    write_info(model, ModelInfo(LABELS, FRONT_ENDS[name]))
    content = read_json(info_file(model))
    content["front_end"] |= changes
    info_file(model).write_text(json.dumps(content))  # which writes NaN too
    return model


@pytest.mark.parametrize("name", sorted(FRONT_ENDS))
def test_every_front_end_comes_back(name, tmp_path):
    assert read_info(write(tmp_path, name)) == ModelInfo(LABELS, FRONT_ENDS[name])


def test_file_of_an_earlier_version_is_read(tmp_path):
    model = write(tmp_path, "dcase2024")
    content = read_json(info_file(model))
    for field in fields(FrontEnd):
        if field.default is not MISSING:
            del content["front_end"][field.name]
    write_json(info_file(model), content)
    assert read_info(model).front_end == FRONT_ENDS["dcase2024"]


def test_whole_numbers_stand_for_floats(tmp_path):
    model = write(tmp_path, "cpjku2023", deviation=5, mean=-4)
    assert read_info(model).front_end.mean == -4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pre_emphasis": 1.5}, "contradict each other"),
        ({"pre_emphasis": -0.5}, "pre_emphasis is -0.5, expected from 0"),
        ({"pre_emphasis": None}, "pre_emphasis is None, expected float"),
        ({"periodic_window": 1}, "periodic_window is 1, expected bool"),
        ({"periodic_window": "no"}, "periodic_window is 'no', expected bool"),
        ({"mel_triangles": "bark"}, "mel_triangles is 'bark', expected hz or mel"),
        ({"mel_triangles": ["hz"]}, "expected hz or mel"),
        ({"mask_domain": True}, "mask_domain is True, expected power or log"),
        ({"mean": float("nan")}, "mean is nan"),
        ({"mean": -1e6}, "mean is -1000000.0, expected from -100000 to"),
        ({"deviation": 0.0}, "deviation is 0.0, expected from 0.001"),
        ({"deviation": -5}, "deviation is -5, expected from 0.001"),
        ({"win_length": 1}, "contradict each other"),
        ({"hop_length": 0}, "hop_length is 0, expected from 1"),
        ({"hop_length": True}, "hop_length is True, expected int"),
        ({"hop_length": 1}, "hop_length is 1, which is too short"),
        ({"log_offset": 0.0}, "log_offset is 0.0, expected from 1.17"),
        ({"log_offset": 1e-40}, "log_offset is 1e-40, expected from 1.17"),
        ({"log_offset": -1e-5}, "log_offset is -1e-05, expected from 1.17"),
        ({"log_offset": float("inf")}, "log_offset is inf"),
        ({"f_min_hz": -1.0}, "f_min_hz is -1.0, expected from 0"),
        ({"f_max_hz": float("nan")}, "f_max_hz is nan"),
        ({"colour": "pink"}, "colour"),
    ],
)
def test_damaged_front_end_is_refused(changes, words, tmp_path):
    with pytest.raises(InputError, match=words):
        read_info(write(tmp_path, "cpjku2023", **changes))


@pytest.mark.parametrize("name", ["", "a\x1b[2J", "\ud800", 7])
def test_front_end_whose_name_is_no_word_is_refused(name, tmp_path):
    model = write(tmp_path, "cpjku2023")
    content = read_json(info_file(model))
    content["front_end"]["name"] = name
    info_file(model).write_text(json.dumps(content))
    with pytest.raises(InputError, match="name is ") as caught:
        read_info(model)
    assert str(caught.value).isascii()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("quiet", "labels are 'quiet', expected a list"),
        ({"quiet": 0, "loud": 1}, "labels are {'quiet': 0, 'loud': 1}, expected a list"),
        (None, "labels are None, expected a list"),
        ([], r"labels are \[\], expected a list"),
        (["quiet", 7], "label 1 is 7, expected a word"),
        (["quiet", None], "label 1 is None"),
        (["quiet", "quiet"], "label 1 is 'quiet', which is there twice"),
        (["quiet", ""], "label 1 is ''"),
        (["quiet", "  "], "label 1 is '  '"),
        (["quiet", "lo\nud"], r"label 1 is 'lo\\nud'"),
        (["quiet", "\x1b[31mloud"], r"label 1 is '\\x1b\[31mloud'"),
        (["quiet", "\ud800"], r"label 1 is '\\ud800'"),
        (["quiet", "lo\u202eud"], r"label 1 is 'lo\\u202eud'"),
    ],
)
def test_damaged_labels_are_refused(labels, words, tmp_path):
    model = write(tmp_path, "cpjku2023")
    content = read_json(info_file(model)) | {"labels": labels}
    info_file(model).write_text(json.dumps(content))
    with pytest.raises(InputError, match=words) as caught:
        read_info(model)
    assert str(caught.value).isascii()
    assert len(str(caught.value).splitlines()) == 1


def test_labels_of_any_language_come_back(tmp_path):
    model, labels = tmp_path / "model.tflite", ("métro", "公園", "улица с машинами")
    write_info(model, ModelInfo(labels, FRONT_ENDS["cpjku2023"]))
    assert read_info(model).labels == labels
