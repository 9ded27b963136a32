"""Rows sent later are encoded as the rows of training were."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from models.errors import InvalidData
from models.formats.sources import Images
from worker.training.data import Data, Signature, restore

TIME = {"type": "time", "train": 0.5, "validation": 0.25, "test": 0.25}


def came_back(data: Data):
    """What a process that has only the checkpoint makes of it."""
    encoding, preprocessing = restore(json.loads(json.dumps(data.recipe)))
    preprocessing.load_state_dict(data.preprocessing.state_dict())
    return encoding, preprocessing


@pytest.mark.parametrize("written", ["embedding", "onehot", "ordinal"])
def test_rows_sent_later_become_the_tensors_of_the_same_rows_in_training(prepared, written):
    columns = {
        "age": [39, 50.5, None, 38, 28, 37, 49, 52],
        "job": ["clerk", None, "nurse", "smith", "clerk", "pilot", "pilot", "clerk"],
        "member": [True, False, None, True, True, True, False, False],
        "y": ["a", "b"] * 4,
    }
    how = {"number": {"outliers": {"type": "iqr"}}, "category": {"encoding": written}}
    data = prepared(columns, data={"target": "y", "split": TIME}, preprocessing=how)
    rows = [{name: values[place] for name, values in columns.items()} for place in range(8)]

    encoding, preprocessing = came_back(data)
    raw = encoding.encode(rows)

    for name, tensor in raw.items():
        trained = torch.cat([part.inputs[name] for part in (data.train, data.validation, data.test)])
        assert torch.equal(tensor.nan_to_num(-1), trained.nan_to_num(-1))
    for name, tensor in preprocessing(raw).items():
        assert torch.equal(tensor[:4], data.preprocessing(data.train.inputs)[name])


def test_what_is_left_out_or_unknown_has_a_code_of_its_own(prepared):
    data = prepared({"x": [1, 2] * 8, "w": ["u", "v"] * 8, "y": ["a", "b"] * 8}, data={"target": "y"})

    raw = came_back(data)[0].encode([{}, {"x": None, "w": " ? "}, {"x": "3.5", "w": "new"}, {"w": " u ", "more": 1}])

    assert raw["categories"][:, 0].tolist() == [0, 0, 1, 2]
    assert raw["numbers"].nan_to_num(-1)[:, 0].tolist() == [-1, -1, 3.5, -1]


def test_a_number_that_is_none_is_named(prepared):
    data = prepared({"x": [1, 2] * 8, "y": ["a", "b"] * 8}, data={"target": "y"})

    with pytest.raises(InvalidData, match=r"^row 2, column 'x': 'many' is no number"):
        came_back(data)[0].encode([{"x": 1}, {"x": "many"}])


def test_numbers_too_large_for_the_network_are_missing(prepared):
    data = prepared({"x": [1, 2] * 8, "y": ["a", "b"] * 8}, data={"target": "y"})

    assert came_back(data)[0].encode([{"x": 1e300}, {"x": float("inf")}])["numbers"].isnan().all()


@pytest.fixture
def images(prepared):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 4, 5, 1), dtype=np.uint8)
    return prepared(Images(pixels, np.arange(30) % 2, ["a", "b"])), pixels


def test_images_come_as_files_or_as_lists(images):
    data, pixels = images
    buffer = io.BytesIO()
    Image.fromarray(pixels[3, :, :, 0]).save(buffer, "PNG")
    file = base64.b64encode(buffer.getvalue()).decode()

    rows = [{"image": file}, {"image": f"data:image/png;base64,{file}"}, {"image": pixels[3, :, :, 0].tolist()}]
    raw = came_back(data)[0].encode(rows)["image"]

    assert raw.shape == (3, 1, 4, 5)
    assert all((image[0].numpy() == pixels[3, :, :, 0]).all() for image in raw)


def test_images_of_another_size_or_colour_are_fitted(images):
    raw = came_back(images[0])[0].encode([{"image": np.full((40, 50, 3), 7).tolist()}])["image"]

    assert raw.shape == (1, 1, 4, 5)
    assert (raw == 7).all()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, r"^row 1, column 'image': its image"),
        ("no base64!", "no base64"),
        (base64.b64encode(b"no image").decode(), "no image that can be read"),
        ([1, 2, 3], r"the shape \[3\]"),
        ([[1, 2], [3]], "no rectangular list"),
        ([[0, 256]], "between 0 and 255"),
        ([[]], "the shape"),
    ],
)
def test_bad_images_are_refused_with_their_row(images, image, message):
    with pytest.raises(InvalidData, match=message):
        came_back(images[0])[0].encode([{"image": image}])


def test_series_rows_hold_the_last_steps(prepared):
    document = {"task": "forecasting", "preprocessing": {"series": {"window": 3}}}
    data = prepared({"v": np.arange(40.0), "w": np.arange(40.0) * 2}, data={"target": "v"}, **document)

    encoding, preprocessing = came_back(data)
    raw = encoding.encode([{"series": [[9, 9], [0, 0], [1, 2], [2, None]]}])

    assert raw["series"][0, :2].tolist() == [[0, 0], [1, 2]]
    assert preprocessing(raw)["series"].shape == (1, 3, 2)
    assert torch.isfinite(preprocessing(raw)["series"]).all()
    for bad in ([[1, 2], [3, 4]], [1, 2, 3], None, [["x", 1]] * 3):
        with pytest.raises(InvalidData, match=r"^row 1, column 'series': its series"):
            encoding.encode([{"series": bad}])


def test_no_rows_make_empty_tensors(images, prepared):
    data = prepared({"x": [1, 2] * 8, "w": ["u", "v"] * 8, "y": ["a", "b"] * 8}, data={"target": "y"})

    assert {name: tuple(tensor.shape) for name, tensor in came_back(data)[0].encode([]).items()} == {
        "numbers": (0, 1),
        "categories": (0, 1),
    }
    assert came_back(images[0])[0].encode([])["image"].shape == (0, 1, 4, 5)


def test_the_signature_survives_json(prepared, images):
    for data in (images[0], prepared({"x": [1.5, 2] * 8, "w": ["u", "v"] * 8, "y": range(16)}, data={"target": "y"})):
        assert Signature.from_document(json.loads(json.dumps(data.signature.document()))) == data.signature
