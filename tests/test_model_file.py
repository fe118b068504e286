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
        ({"colour": "pink"}, "colour"),
    ],
)
def test_damaged_front_end_is_refused(changes, words, tmp_path):
    with pytest.raises(InputError, match=words):
        read_info(write(tmp_path, "cpjku2023", **changes))
