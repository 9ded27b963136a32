"""Images: bytes until the batch, standardised by the training rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.errors import InvalidData
from models.formats.sources import Images


def pictures(num: int = 60, *, height: int = 6, width: int = 5, channels: int = 1, split=None) -> Images:
    pixels = np.random.default_rng(0).integers(0, 256, (num, height, width, channels), dtype=np.uint8)
    return Images(pixels, np.arange(num) % 3, ["ant", "bee", "cat"], split)


def test_images_stay_bytes_and_become_standardised_floats(prepared):
    data = prepared(pictures(channels=3))

    raw = data.train.inputs["image"]
    assert (raw.dtype, raw.shape[1:]) == (torch.uint8, (3, 6, 5))
    assert raw.is_contiguous()
    out = data.preprocessing(data.train.inputs)["image"]
    assert torch.allclose(out.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(out.std((0, 2, 3), unbiased=False), torch.ones(3), atol=1e-5)
    assert data.signature.image == (3, 6, 5)
    assert (data.signature.num_outputs, data.signature.classes) == (3, ("ant", "bee", "cat"))


@pytest.mark.parametrize(
    ("standardize", "mean", "std"),
    [("none", (0, 0, 0), (1, 1, 1)), ("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))],
)
def test_other_standards(prepared, standardize, mean, std):
    data = prepared(pictures(channels=3), preprocessing={"image": {"standardize": standardize}})

    raw = data.test.inputs["image"]
    expected = (raw / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    assert torch.allclose(data.preprocessing({"image": raw})["image"], expected, atol=1e-6)


def test_the_official_split_is_kept(prepared):
    split = np.array([0] * 40 + [2] * 20, np.int8)

    data = prepared(pictures(split=split))

    assert len(data.test) == 20
    assert len(data.validation) == 6
    assert (data.test.inputs["image"].numpy()[:, 0] == pictures().pixels[40:, :, :, 0]).all()


def test_images_are_brought_to_the_size_and_colours_asked_for(prepared):
    sizes = [np.full((4 + number % 3, 5, 3), number * 4, np.uint8) for number in range(30)]
    images = Images(sizes, np.arange(30) % 2, ["a", "b"])

    data = prepared(images, preprocessing={"image": {"size": [8, 7], "channels": 1}})

    assert data.train.inputs["image"].shape == (21, 1, 8, 7)
    assert all(len(image.unique()) == 1 for image in data.train.inputs["image"])


def test_colour_becomes_grey_by_luma(prepared):
    red = np.zeros((30, 4, 4, 3), np.uint8)
    red[:, :, :, 0] = 200
    red[:, 0, 0, 1] = np.arange(30)

    data = prepared(Images(red, np.arange(30) % 2, ["a", "b"]), preprocessing={"image": {"channels": 1}})

    assert data.train.inputs["image"][0, 0, 2, 2].item() == pytest.approx(0.299 * 200, abs=1)


def test_equal_images_stay_on_one_side_and_can_be_dropped(prepared):
    once = pictures(40)
    twice = Images(np.repeat(once.pixels, 2, axis=0), np.repeat(once.labels, 2), once.classes)

    together = prepared(twice)
    dropped = prepared(twice, cleaning={"duplicates": "drop"})

    train = {image.numpy().tobytes() for image in together.train.inputs["image"]}
    assert not train & {image.numpy().tobytes() for image in together.test.inputs["image"]}
    assert together.report["duplicates"] == 40
    assert dropped.report["rows_dropped"] == {"duplicates": 40}
    assert dropped.report["rows_used"] == 40


def test_images_of_one_class_are_refused(prepared):
    with pytest.raises(InvalidData, match="one class"):
        prepared(Images(pictures().pixels, np.zeros(60, np.int64), ["a", "b"]))
