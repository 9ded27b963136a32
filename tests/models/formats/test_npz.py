"""NumPy archives, without anything pickled."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from models.errors import InvalidData
from models.formats import limits


def packed(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_images_come_back_with_classes_in_order(read):
    x = pixels(4, 5, 6)

    images = read(packed(x=x, y=np.array([10, 2, 10, 3])), "npz")

    assert images.pixels.shape == (4, 5, 6, 1)
    assert (images.pixels[..., 0] == x).all()
    assert images.classes == ["2", "3", "10"]
    assert images.labels.tolist() == [2, 0, 2, 1]
    assert images.split is None


def test_parts_named_train_and_test_are_the_official_split(read):
    train = {"x_train": pixels(3, 4, 4, 3), "y_train": np.array([[0], [1], [0]])}

    images = read(packed(**train, x_test=pixels(2, 4, 4, 3), y_test=np.array([1, 1])), "npz")

    assert images.pixels.shape == (5, 4, 4, 3)
    assert images.split.tolist() == [0, 0, 0, 2, 2]
    assert images.labels.tolist() == [0, 1, 0, 1, 1]


def test_two_axes_are_a_table(read):
    table = read(packed(x=np.array([[1.5, np.nan], [3, 4]], np.float32), y=np.array(["a", "b"])), "npz")

    assert table.columns.to_pylist() == [{"x0": 1.5, "x1": None, "y": "a"}, {"x0": 3.0, "x1": 4.0, "y": "b"}]


def test_one_array_per_column_is_a_table(read):
    content = packed(age=np.array([39, 50]), when=np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"))

    assert read(content, "npz").columns["age"].to_pylist() == [39, 50]


def test_parts_of_different_shapes_are_refused(read):
    train = {"x_train": pixels(2, 3, 3), "y_train": np.zeros(2, int)}

    with pytest.raises(InvalidData, match=r"^array 'x_test': the parts differ"):
        read(packed(**train, x_test=pixels(2, 4, 4), y_test=np.zeros(2, int)), "npz")


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize(
    ("arrays", "place", "message"),
    [
        ({"x": np.zeros((2, 3, 3), np.float32), "y": np.zeros(2, int)}, "array 'x'", "float32"),
        ({"x": pixels(2, 3, 3, 2), "y": np.zeros(2, int)}, "array 'x'", "shape"),
        ({"x": pixels(2, 3, 3), "y": np.zeros(3, int)}, "array 'y'", "2 rows"),
        ({"x": pixels(2, 3, 3), "y": np.zeros(2)}, "array 'y'", "whole numbers or text"),
        ({"x": pixels(0, 3, 3), "y": np.zeros(0, int)}, "array 'x'", "empty"),
        ({"a": np.zeros(2), "b": np.zeros(3)}, "array 'b'", "shape"),
        ({"a": np.zeros(2, complex)}, "array 'a'", "complex"),
        ({"a": np.float64(1)}, "array 'a'", "empty"),
        ({"x": np.array([Evil()], object), "y": np.zeros(1)}, None, "plain arrays"),
    ],
)
def test_what_is_wrong_is_named_with_its_array(read, capsys, arrays, place, message):
    with pytest.raises(InvalidData, match=message) as caught:
        read(packed(**arrays), "npz")
    assert caught.value.place == place
    assert "executed" not in capsys.readouterr().out


def test_a_pickle_in_place_of_an_array_is_never_loaded(read, zipped, capsys):
    with pytest.raises(InvalidData):
        read(zipped({"x.npy": pickle.dumps(Evil()), "y.npy": b"\x93NUMPY\x01\x00"}), "npz")
    assert "executed" not in capsys.readouterr().out


def test_a_bomb_of_zeros_is_refused(read, monkeypatch):
    monkeypatch.setattr(limits, "RATIO_FREE_BYTES", 1 << 20)

    with pytest.raises(InvalidData, match="unpacks to more than"):
        read(packed(x=np.zeros((4000, 32, 32), np.uint8), y=np.zeros(4000, int)), "npz")


def test_a_header_that_claims_more_than_the_file_holds_is_refused(read, zipped):
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000000, 8, 8), }"
    header += b" " * (118 - len(header) % 64) + b"\n"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header

    with pytest.raises(InvalidData, match="damaged"):
        read(zipped({"x.npy": array, "y.npy": array}), "npz")


@pytest.mark.parametrize("kind", [">f8", ">i4", "f2", "g"])
def test_arrays_of_any_byte_order_and_precision_are_read(read, kind):
    table = read(packed(x=np.array([[1, 2], [3, 4]]).astype(kind), y=np.array([7, 8]).astype(kind)), "npz")

    assert table.columns.to_pylist() == [{"x0": 1, "x1": 2, "y": 7}, {"x0": 3, "x1": 4, "y": 8}]
