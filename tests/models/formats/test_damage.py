"""Files with bytes changed, cut out and put in: the answer is the data or InvalidData, never anything else."""

from __future__ import annotations

import gzip
import io
import random
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from models import formats
from models.errors import InvalidData
from models.formats.summaries import profile
from tests.fixtures.public_sets import cifar_record, tar_of

#: The product ignores what Pillow remarks about odd files; pytest would raise it.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")

LINES = b'a,b,c\n1,"x, y",2020-01-01\n2,?,2020-01-02\n"3",z,\n' * 20
OBJECTS = '{"a": 1, "b": "é", "c": null}\n{"a": 2.5, "d": true}\n'.encode() * 5
KINDS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def healthy(zipped, tarred, png) -> dict[str, list[bytes]]:
    """Good files of every format."""
    noise = np.random.default_rng(0).integers(0, 256, (5, 9, 8, 3), dtype=np.uint8)
    pictures = {f"{label}/{kind}.{kind.lower()}": png(noise[0], kind=kind) for label in "ab" for kind in KINDS}
    digits = {
        "train-images-idx3-ubyte.gz": gzip.compress(idx(noise[..., 0])),
        "train-labels-idx1-ubyte": idx(np.arange(5, dtype=np.uint8)),
    }
    table, arrays = io.BytesIO(), io.BytesIO()
    parquet.write_table(pa.table({"a": [1, 2, 3, None], "b": ["x", "é", None, "x"], "c": [0.5, 1, 2, 3]}), table)
    np.savez_compressed(arrays, x=noise, y=np.arange(5))
    letters = {f"{label}/{number}.txt": b"dear all, " * number for label in "ab" for number in (1, 5, 90)}
    records = b"".join(cifar_record(row % 2, np.resize(noise[row], (32, 32, 3))) for row in range(5))
    photographs = {"data_batch_1.bin": records[:-3073], "test_batch.bin": records[-3073:]}
    return {
        "csv": [LINES, gzip.compress(LINES), b'a, "b"\n1, "x"\n2, y\n' * 9],
        "tsv": [LINES.replace(b",", b"\t")],
        "jsonl": [OBJECTS, gzip.compress(OBJECTS)],
        "parquet": [table.getvalue()],
        "npz": [arrays.getvalue()],
        "idx": [zipped(digits), tarred(digits)],
        "cifar": [tarred(photographs), tar_of(photographs)],
        "images": [zipped(pictures), tarred(pictures), tarred(pictures, mode="w:gz")],
        "texts": [zipped(letters), tarred(letters), tarred(letters, mode="w:gz")],
    }


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The content after a few accidents."""
    broken = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        place = chance.randrange(len(broken) + 1)
        accident = chance.random()
        if accident < 0.6 and place < len(broken):
            broken[place] = chance.randrange(256)
        elif accident < 0.75:
            del broken[place : place + chance.randrange(1, 9)]
        elif accident < 0.9:
            broken[place:place] = chance.randbytes(chance.randrange(1, 9))
        else:
            del broken[place:]
    return bytes(broken)


def survive(healthy: dict[str, list[bytes]], path: Path, name: str, *, seeds: range) -> int:
    """How many of the damaged files were refused."""
    refused = 0
    for seed in seeds:
        chance = random.Random(f"{name} {seed}")
        path.write_bytes(damaged(chance.choice(healthy[name]), chance))
        try:
            profile(formats.read(path, format=name, options={})).model_dump_json()
        except InvalidData:
            refused += 1
    return refused


@pytest.mark.parametrize("name", formats.FORMATS)
def test_a_damaged_file_is_read_or_refused(healthy, tmp_path: Path, name):
    assert survive(healthy, tmp_path / "file", name, seeds=range(60)) > 20


@pytest.mark.nightly
@pytest.mark.parametrize("name", formats.FORMATS)
def test_ten_thousand_damaged_files_are_read_or_refused(healthy, tmp_path: Path, name):
    assert survive(healthy, tmp_path / "file", name, seeds=range(60, 10_060)) > 3000


@pytest.mark.parametrize("name", formats.FORMATS)
def test_undamaged_files_are_read(healthy, tmp_path: Path, name):
    for content in healthy[name]:
        (tmp_path / "file").write_bytes(content)
        assert profile(formats.read(tmp_path / "file", format=name, options={})).rows > 0
