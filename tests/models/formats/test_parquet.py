"""Parquet: flat columns within limits."""

from __future__ import annotations

import datetime as dt
import decimal
import io

import pyarrow as pa
import pytest
from pyarrow import parquet

from models.errors import InvalidData
from models.formats import limits
from models.formats.columns import TIMES, WORDS


def written(table: pa.Table, **options) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, **options)
    return buffer.getvalue()


def test_every_flat_type_becomes_one_of_ours(read):
    when = dt.datetime(2020, 1, 2, 3, tzinfo=dt.UTC)
    table = pa.table(
        {
            "small": pa.array([1, None], pa.int8()),
            "huge": pa.array([2**63, 1], pa.uint64()),
            "half": pa.array([0.5, float("nan")], pa.float32()),
            "exact": pa.array([decimal.Decimal("1.25"), None]),
            "text": pa.array(["x", "?"]),
            "words": pa.array(["x", None]).dictionary_encode(),
            "flag": [True, None],
            "time": pa.array([when, None], pa.timestamp("ns", tz="Europe/Berlin")),
            "day": [dt.date(2020, 1, 2), None],
            "nothing": pa.nulls(2),
        }
    )

    result = read(written(table), "parquet").columns

    floats, words = pa.float64(), WORDS
    kinds = [pa.int64(), floats, floats, floats, words, words, pa.bool_(), TIMES, TIMES, words]
    assert result.schema.types == kinds
    assert [column[1].as_py() for column in result.columns] == [None, 1.0] + [None] * 8
    assert result["time"][0].as_py() == dt.datetime(2020, 1, 2, 3)  # noqa: DTZ001 - tables hold UTC without zone


@pytest.mark.parametrize(
    ("table", "place", "message"),
    [
        (pa.table({"a": pa.array([], pa.int64())}), None, "no rows"),
        (pa.table({"a": [[1, 2]]}), "column 'a'", "list"),
        (pa.table({"a": [b"x"]}), "column 'a'", "binary"),
        (pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), "column 'a'", "twice"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(read, table, place, message):
    with pytest.raises(InvalidData, match=message) as caught:
        read(written(table), "parquet")
    assert caught.value.place == place


def test_a_damaged_page_is_refused(read):
    content = bytearray(written(pa.table({"a": list(range(1000))}), use_dictionary=False, write_page_checksum=False))
    content[4:400] = b"\xff" * 396

    with pytest.raises(InvalidData, match="damaged"):
        read(bytes(content), "parquet")


def test_more_cells_than_fit_are_refused_by_the_footer(read, monkeypatch):
    monkeypatch.setattr(limits, "MAX_CELLS", 999)

    with pytest.raises(InvalidData, match="too many"):
        read(written(pa.table({"a": list(range(1000))})), "parquet")


def test_one_long_word_used_often_stays_one_word(read):
    word = "x" * 1_000_000
    table = pa.table({"a": pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), pa.array([word]))})

    result = read(written(table), "parquet")

    assert len(result) == 5000
    assert result.columns["a"].nbytes < 2_000_000
