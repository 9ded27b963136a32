"""CSV and TSV: types, blanks, markers, encodings, and a named place for whatever is wrong."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pytest

from models.errors import InvalidData
from models.formats import limits
from models.formats.columns import TIMES, WORDS


def rows(table):
    return table.columns.to_pylist()


def test_a_table_comes_back_with_types(read):
    table = read("age,name,tall,born,height\n39,Ada,true,1815-12-10,1.5\n,Alan,False,1912-06-23 10:30,2\n")

    assert table.columns.schema.types == [pa.int64(), WORDS, pa.bool_(), TIMES, pa.float64()]
    assert rows(table)[1]["age"] is None
    assert rows(table)[0]["height"] == 1.5
    assert [row["tall"] for row in rows(table)] == [True, False]


def test_blanks_after_commas_are_no_part_of_a_value(read):
    table = read("39, State-gov, <=50K\n50, ?, >50K\n", header=False, columns=["age", "workclass", "income"])

    assert rows(table) == [
        {"age": 39, "workclass": "State-gov", "income": "<=50K"},
        {"age": 50, "workclass": None, "income": ">50K"},
    ]


def test_a_quote_after_a_blank_still_quotes(read):
    table = read('"City", "State"\n"Youngstown, Ohio", OH\n"Yankton", "SD"\n')

    assert rows(table) == [{"City": "Youngstown, Ohio", "State": "OH"}, {"City": "Yankton", "State": "SD"}]


def test_leading_zeros_make_a_name_of_a_number(read):
    table = read("id,share\n007,0.5\n010,-0.25\n")

    assert [row["id"] for row in rows(table)] == ["007", "010"]
    assert [row["share"] for row in rows(table)] == [0.5, -0.25]


def test_line_breaks_delimiters_and_quotes_inside_quotes_are_text(read):
    table = read('a,b\n1,"x\ny"\n2,"say ""hi"", then"\n')

    assert [row["b"] for row in rows(table)] == ["x\ny", 'say "hi", then']


def test_infinities_and_nan_are_missing_numbers(read):
    assert [row["a"] for row in rows(read("a,b\ninf,1\nnan,1\n-1e400,1\n2.5,1\n"))] == [None, None, None, 2.5]


def test_own_marks_of_missing_values_replace_the_usual_ones(read):
    table = read("a,b\n-999,NA\n5,x\n", missing_values=["-999"])

    assert rows(table) == [{"a": None, "b": "NA"}, {"a": 5, "b": "x"}]


def test_a_column_without_any_value_is_kept_as_missing_words(read):
    table = read("a,b\n1,\n2,NA\n")

    assert table.columns["b"].null_count == 2
    assert table.columns.schema.field("b").type == WORDS


def test_delimiter_decimal_comma_and_encoding(read):
    table = read(
        "größe;stadt\n1,5;Köln\n2;Zürich\n".encode("windows-1252"), delimiter=";", decimal=",", encoding="cp1252"
    )

    assert rows(table) == [{"größe": 1.5, "stadt": "Köln"}, {"größe": 2.0, "stadt": "Zürich"}]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_encodings_round_trip(read, encoding):
    assert rows(read("a,b\n1,é\n".encode(encoding), encoding=encoding)) == [{"a": 1, "b": "é"}]


def test_a_byte_order_mark_is_no_part_of_the_first_name(read):
    assert read("a,b\n1,2\n".encode("utf-8-sig")).columns.column_names == ["a", "b"]


def test_given_names_replace_those_of_the_header(read):
    assert rows(read("a,b\n1,2\n", columns=["x", "y"])) == [{"x": 1, "y": 2}]


def test_a_gzip_file_is_read_as_its_content(read):
    assert rows(read(gzip.compress(b"a,b\n1,2\n"))) == [{"a": 1, "b": 2}]


def test_tabs_separate_tsv(read):
    assert rows(read("a\tb\n1\tx, y\n", "tsv")) == [{"a": 1, "b": "x, y"}]


def test_many_blocks_make_one_dictionary(read):
    lines = "".join(f"{number},name{number % 1000}{'x' * 40}\n" for number in range(60_000))

    table = read("n,word\n" + lines)

    assert len(table) == 60_000
    assert table.columns["n"].to_pylist() == list(range(60_000))
    assert table.columns["word"].num_chunks == 1
    assert len(table.columns["word"].chunk(0).dictionary) == 1000


@pytest.mark.parametrize(
    ("content", "options", "place", "message"),
    [
        ("", {}, None, "empty"),
        ("\n\n", {}, None, "empty"),
        ("a,b\n", {}, None, "no rows"),
        ("a,b,c\n1,2,3\n4,5\n", {}, "row 3", "2 cells instead of 3"),
        ("a,b\n1,2\n1,2,3\n", {}, "row 3", "3 cells instead of 2"),
        ('a, b\n1, "x"\n1, "x", 3\n', {}, "row 3", "3 cells instead of 2"),
        ("1,2\n3\n", {"header": False, "columns": ["a", "b"]}, "row 2", "1 cells instead of 2"),
        ("1,2,3\n", {"header": False, "columns": ["a", "b"]}, "row 1", "2 columns are named"),
        ("a,b,a\n1,2,3\n", {}, "column 'a'", "twice"),
        ("a,,b\n1,2,3\n", {}, "column 2", "empty"),
        ("a,b\n1,x\n2,\udcff\n", {}, "line 3", "not utf-8"),
        ("\udcff,b\n1,2\n", {}, "line 1", "windows-1252"),
        ('a,b\n1,"x\n2,y\n3,z\n', {}, "row 2", "quote is not closed"),
        ('a,b\n1,2\n"' + "x" * 4_000_000 + '",3\n', {}, "a row", "quote"),
        ('"' + "x" * 2_000_000, {}, "row 1", "quote"),
        (",".join(f"c{number}" for number in range(10_001)) + "\n", {}, None, "10,001 columns"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(read, content, options, place, message):
    with pytest.raises(InvalidData, match=message) as caught:
        read(content.encode(errors="surrogateescape"), **options)
    assert caught.value.place == place


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(read, monkeypatch):
    monkeypatch.setattr(limits, "RATIO_FREE_BYTES", 1 << 20)
    bomb = gzip.compress(b"a,b\n" + b"1,2\n" * 1_000_000)

    with pytest.raises(InvalidData, match="unpacks to more than"):
        read(bomb)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_byte_order_mark_tells_of_utf_16(read, encoding):
    assert rows(read(("\ufeff" + "a,b\n1,é\n").encode(encoding))) == [{"a": 1, "b": "é"}]
