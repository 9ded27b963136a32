"""Bombs that are only text: refused by the first megabyte that shows them, not by the memory they fill."""

import os
import tracemalloc
from pathlib import Path

import pytest

from models import formats
from models.errors import InvalidData

GIGABYTE = 1 << 30


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_csv_bomb_of_one_endless_line_is_refused(tmp_path: Path, quote: bytes):
    path = tmp_path / "bomb.csv"
    path.write_bytes(b"a,b\n1,2\n" + quote)
    os.truncate(path, 2 * GIGABYTE)  # a hole: two gigabytes to whoever reads it, and nothing on the disk
    tracemalloc.start()
    with pytest.raises(InvalidData):
        formats.read(path, format="csv", options={})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < GIGABYTE // 8


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_a_csv_bomb_of_a_million_columns_is_refused(tmp_path: Path, kind: str):
    delimiter = b"," if kind == "csv" else b"\t"
    path = tmp_path / "bomb"
    for content in (delimiter.join(b"%d" % n for n in range(120_000)), delimiter * 1_000_000):
        path.write_bytes(content + b"\n" + content + b"\n")
        with pytest.raises(InvalidData, match=r"columns|longer than"):
            formats.read(path, format=kind, options={})
