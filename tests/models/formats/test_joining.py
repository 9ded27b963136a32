"""Two datasets as one: rows of the first train, rows of the second test."""

import numpy as np
import pyarrow as pa
import pytest

from models.errors import InvalidData
from models.formats.joining import joined
from models.formats.sources import Images, Table, Texts


def words(*values: str) -> pa.Array:
    return pa.array(values).dictionary_encode()


def test_rows_are_joined_and_know_where_they_came_from():
    train = Table(pa.table({"a": [1, 2], "b": words("x", "y")}), notes=("one",))
    test = Table(pa.table({"b": words("z"), "a": [3]}), split=np.array([0], np.int8), notes=("two",))
    both = joined(train, test)
    assert both.columns.to_pydict() == {"a": [1, 2, 3], "b": ["x", "y", "z"]}
    assert both.split.tolist() == [0, 0, 2]
    assert both.notes == ("one", "two")
    assert all(column.num_chunks == 1 for column in both.columns.columns)


def test_a_column_that_one_of_them_lacks_is_left_out():
    both = joined(Table(pa.table({"a": [1], "b": [2]})), Table(pa.table({"a": [3], "c": [4]})))
    assert both.columns.to_pydict() == {"a": [1, 3]}


def test_whole_numbers_and_others_become_numbers_and_words_stay_words():
    both = joined(Table(pa.table({"a": [1], "b": [1]})), Table(pa.table({"a": [0.5], "b": words("x")})))
    assert both.columns["a"].type == pa.float64()
    assert both.columns.to_pydict() == {"a": [1.0, 0.5], "b": ["1", "x"]}


def test_types_that_have_nothing_in_common_are_named():
    times = pa.array([0], pa.timestamp("us"))
    with pytest.raises(InvalidData, match="column 'a'"):
        joined(Table(pa.table({"a": [1.5]})), Table(pa.table({"a": times})))


def test_classes_keep_their_places_and_new_ones_come_behind():
    texts = joined(
        Texts(["p", "q"], np.array([0, 1]), ["neg", "pos"]), Texts(["r", "s"], np.array([0, 1]), ["pos", "new"])
    )
    assert (texts.texts, texts.classes) == (["p", "q", "r", "s"], ["neg", "pos", "new"])
    assert texts.labels.tolist() == [0, 1, 1, 2]
    image = np.zeros((1, 2, 2, 1), np.uint8)
    images = joined(Images(image, np.array([0]), ["a", "b"]), Images(image + 1, np.array([0]), ["b"]))
    assert (images.labels.tolist(), len(images), int(images.pixels[1].max())) == ([0, 1], 2, 1)


def test_kinds_are_not_mixed():
    with pytest.raises(InvalidData, match="another kind"):
        joined(Table(pa.table({"a": [1]})), Texts(["p"], np.array([0]), ["neg"]))
