"""Row keys: equal exactly for equal rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from models.formats.duplicates import first_of_each, num_repeats, pixel_keys, row_keys, table_keys
from models.formats.sources import Images, Table


def test_rows_share_a_key_exactly_when_all_their_values_are_equal():
    rows = [(1, "a", None), (1, "a", None), (1, "b", None), (2, "a", None), (1, "a", 0.0), (None, "a", None)]
    number, word, gap = zip(*rows, strict=True)
    columns = {"n": pa.array(number), "w": pa.array(word).dictionary_encode(), "g": pa.array(gap, pa.float64())}

    keys = row_keys(Table(pa.table(columns)))

    assert keys[0] == keys[1]
    assert num_repeats(keys) == 1
    assert first_of_each(keys).tolist() == [0, 2, 3, 4, 5]


def test_only_the_named_columns_count():
    table = Table(pa.table({"a": [1, 1], "b": [1, 2]}))

    assert num_repeats(table_keys(table, ["a"])) == 1
    assert num_repeats(table_keys(table, ["a", "b"])) == 0


def test_swapped_columns_are_not_the_same_row():
    assert num_repeats(row_keys(Table(pa.table({"a": [1, 2], "b": [2, 1]})))) == 0


@pytest.mark.parametrize("shape", [(3, 3, 1), (28, 28, 1), (5, 7, 3)])
def test_one_pixel_makes_another_image(shape):
    pixels = np.zeros((int(np.prod(shape)) + 2, *shape), np.uint8)
    for number in range(int(np.prod(shape))):
        pixels[number].reshape(-1)[number] = 1

    keys = pixel_keys(Images(pixels, np.zeros(len(pixels), np.int64), ["a"]))

    assert num_repeats(keys) == 1
    assert keys[-1] == keys[-2]


def test_equal_images_differ_by_label_and_by_size():
    black = np.zeros((2, 4, 4, 1), np.uint8)

    assert num_repeats(row_keys(Images(black, np.array([0, 1]), ["a", "b"]))) == 0
    assert num_repeats(row_keys(Images(black, np.array([1, 1]), ["a", "b"]))) == 1
    sizes = [np.zeros((2, 8, 1), np.uint8), np.zeros((8, 2, 1), np.uint8), np.zeros((2, 8, 1), np.uint8)]
    assert num_repeats(pixel_keys(Images(sizes, np.zeros(3, np.int64), ["a"]))) == 1


def test_a_million_different_rows_have_different_keys():
    numbers = np.arange(1_000_000)

    assert num_repeats(table_keys(Table(pa.table({"a": numbers // 1000, "b": numbers % 1000})), ["a", "b"])) == 0
