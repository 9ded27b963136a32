"""NumPy archives that are larger than what is held in memory: the same images, read from where they lie."""

from __future__ import annotations

import io

import numpy as np
import pytest

from models.errors import InvalidData
from models.formats import limits
from models.formats.decoding import Shape
from models.formats.image_files import ImageFiles
from models.formats.sources import Images
from models.formats.summaries import profile

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 256, (12, 5, 6, 3), np.uint8)
Y = np.arange(12) % 3 * 10


def packed(save=np.savez, **arrays) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def nothing_is_held(monkeypatch):
    monkeypatch.setattr(limits, "MAX_HELD_BYTES", 100)


def test_rows_are_read_from_where_they_lie(read):
    images = read(packed(x=X, y=Y), "npz")

    assert isinstance(images, ImageFiles)
    assert (np.stack([images.decode_whole(row) for row in range(12)]) == X).all()
    assert images.classes == ["0", "10", "20"]
    assert images.labels.tolist() == (np.arange(12) % 3).tolist()
    assert images.decode(3, Shape(5, 6, 1)).shape == (5, 6, 1)
    assert images.name(3) == "x[3]"


def test_the_profile_is_that_of_the_same_arrays_in_memory(read, monkeypatch):
    x = np.concatenate([X, X[:2]])
    content = packed(x=x, y=np.concatenate([Y, Y[:2]]))
    in_place = read(content, "npz")
    monkeypatch.setattr(limits, "MAX_HELD_BYTES", 1 << 30)
    held = read(content, "npz")

    assert isinstance(held, Images)
    assert profile(in_place) == profile(held)
    assert profile(in_place).duplicates == 2


def test_grey_images_and_official_parts(read):
    x = RANDOM.integers(0, 256, (9, 4, 4), np.uint8)
    parts = {"x_train": x[:6], "y_train": [[0], [1]] * 3, "x_test": x[6:], "y_test": [0, 1, 1]}

    images = read(packed(**parts), "npz")

    assert isinstance(images, ImageFiles)
    assert images.split.tolist() == [0] * 6 + [2] * 3
    assert (np.stack([images.decode_whole(row)[..., 0] for row in range(9)]) == x).all()
    assert images.name(8) == "x_test[2]"


@pytest.mark.parametrize(
    "content",
    [
        packed(np.savez_compressed, x=X, y=Y),
        packed(x=np.asfortranarray(X), y=Y),
        packed(x=X.reshape(12, -1).astype(float), y=Y),
    ],
    ids=["compressed", "by columns", "numbers"],
)
def test_what_cannot_be_read_in_place_is_read_as_a_whole(read, content):
    assert not isinstance(read(content, "npz"), ImageFiles)


def test_answers_that_do_not_fit_are_named(read):
    with pytest.raises(InvalidData, match=r"^array 'y': it has the shape \[11\] for 12 rows"):
        read(packed(x=X, y=Y[:-1]), "npz")


def test_a_damaged_header_is_refused(read):
    content = packed(x=X, y=Y)
    for damage in (b"{'descr': '|u1', 'fortran_order'\n", b"{'descr': '|u1',, 'fortran_order'"):
        broken = content.replace(b"{'descr': '|u1', 'fortran_order':", damage.ljust(33))
        assert broken != content
        with pytest.raises(InvalidData, match="no npz file of plain arrays"):
            read(broken, "npz")
