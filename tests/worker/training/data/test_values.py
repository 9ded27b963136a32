"""Columns read as words or numbers, as the spec asks."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from models.errors import InvalidData
from worker.training.data.values import numbers_of, words_of


@pytest.mark.parametrize(
    ("column", "values", "codes"),
    [
        (pa.array(["u", None, "v", "u"]).dictionary_encode(), ["u", "v"], [0, -1, 1, 0]),
        (pa.array([3.0, 0.5, None, 3.0]), ["3", "0.5"], [0, 1, -1, 0]),
        (pa.array([True, None, False]), ["true", "false"], [0, -1, 1]),
        (pa.array([dt.datetime(2020, 1, 2)]), ["2020-01-02T00:00:00"], [0]),  # noqa: DTZ001 - tables hold no zone
        (pa.DictionaryArray.from_arrays([0, 1, 2], ["u", "v", "u"]), ["u", "v"], [0, 1, 0]),
    ],
)
def test_any_column_can_be_read_as_words(column, values, codes):
    words = words_of(column)

    assert (words.values, words.codes.tolist()) == (values, codes)


def test_words_that_are_numbers_can_be_read_as_numbers():
    column = pa.array(["1", None, "2.5", "1"]).dictionary_encode()

    assert np.array_equal(numbers_of(column, name="x"), [1, np.nan, 2.5, 1], equal_nan=True)


def test_the_first_word_that_is_no_number_is_named_with_its_row():
    column = pa.array(["1", None, "few", "many", "few"]).dictionary_encode()

    with pytest.raises(InvalidData, match=r"^column 'x', data row 3: 'few' is no number"):
        numbers_of(column, name="x")


def test_times_are_no_numbers():
    with pytest.raises(InvalidData, match=r"^column 'x': it holds times"):
        numbers_of(pa.array([dt.datetime(2020, 1, 2)]), name="x")  # noqa: DTZ001 - tables hold no zone
