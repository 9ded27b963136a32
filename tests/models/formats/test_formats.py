"""The table of formats: light to import, strict about options, never at a loss for a reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models import formats
from models.errors import InvalidData, Unprocessable
from models.formats import FORMATS


def test_the_table_of_formats_is_imported_without_the_readers():
    code = "import sys, models.formats; print([m for m in ('numpy', 'pyarrow', 'PIL') if m in sys.modules])"

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_refuses_an_empty_file_and_noise_with_a_reason(name, tmp_path: Path):
    for content in (b"", b"\x00\x01\x02 neither this nor that \xff\xfe" * 50):
        path = tmp_path / "file"
        path.write_bytes(content)
        with pytest.raises(InvalidData):
            formats.read(path, format=name, options={})


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_describes_itself_and_each_option(name):
    assert FORMATS[name].description.endswith(".")
    assert all(field.description for field in FORMATS[name].options.model_fields.values())


@pytest.mark.parametrize(
    ("format_name", "options", "pointer"),
    [
        ("cvs", {}, "#/format"),
        ("csv", {"delimeter": ";"}, "#/options/delimeter"),
        ("csv", {"delimiter": ";;"}, "#/options/delimiter"),
        ("csv", {"delimiter": '"'}, "#/options/delimiter"),
        ("csv", {"header": "no"}, "#/options/header"),
        ("csv", {"header": False}, "#/options"),
        ("csv", {"columns": ["a", "a"]}, "#/options/columns"),
        ("csv", {"columns": [3, "b"]}, "#/options/columns/0"),
        ("csv", {"encoding": "utf-9"}, "#/options/encoding"),
        ("csv", {"encoding": "base64"}, "#/options/encoding"),
        ("npz", {"header": True}, "#/options/header"),
        ("images", {"max_side": 4}, "#/options/max_side"),
    ],
)
def test_wrong_options_are_pointed_at(format_name, options, pointer):
    with pytest.raises(Unprocessable) as caught:
        formats.parse_options(format_name, options)
    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_options_come_back_with_their_defaults():
    options = formats.parse_options("csv", {"header": False, "columns": ["a", "b"]})

    assert options.model_dump(mode="json") == {
        "missing_values": ["", "?", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL"],
        "header": False,
        "columns": ["a", "b"],
        "encoding": "utf-8",
        "decimal": ".",
        "delimiter": ",",
    }
