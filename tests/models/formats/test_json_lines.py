"""JSON lines: one flat object a row."""

from __future__ import annotations

import pyarrow as pa
import pytest

from models.errors import InvalidData
from models.formats.columns import TIMES, WORDS


def test_objects_come_back_as_rows_with_types(read):
    table = read(
        '{"a": 1, "b": "x", "c": true, "d": 1.5, "t": "2020-01-01"}\n\n{"b": "NA", "a": null, "d": 2}\n', "jsonl"
    )

    assert table.columns.schema.types == [pa.int64(), WORDS, pa.bool_(), pa.float64(), TIMES]
    assert table.columns.to_pylist()[1] == {"a": None, "b": None, "c": None, "d": 2.0, "t": None}


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        ("", None, "empty"),
        ('{"a": 1}\n{"a": 1\n', "line 2", "no JSON"),
        ('{"a": 1}\n[1]\n', "line 2", "one object"),
        ('{"a": 1}\n{"a": 2}\n{"a": "x"}\n', "line 3", "'a' is text here and a number in a line before"),
        ('{"a": 1, "b": [1, 2]}\n', "column 'b'", "type list"),
        ('{"a": 1, "b": {"c": 2}}\n', "column 'b'", "type struct"),
        ('{"a": "' + "x" * 3_000_000 + '"}\n', "line 1", "longer than"),
        ("[" * 100_000 + "\n", "line 1", "no JSON"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(read, content, place, message):
    with pytest.raises(InvalidData, match=message) as caught:
        read(content, "jsonl")
    assert caught.value.place == place
