"""safetensors bombs: a file that lies about itself is refused before it takes memory, whatever its digest says."""

import hashlib
import json
import struct
from pathlib import Path

import pytest

from worker.training.checkpoint.reading import load
from worker.training.checkpoint.writing import FORMAT, MANIFEST, STATE, WEIGHTS
from worker.training.errors import CheckpointRefused


def _file(header: bytes, *, num_header_bytes: int | None = None, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header) if num_header_bytes is None else num_header_bytes) + header + data


def _tensor(shape: list[int], offsets: list[int], kind: str = "F32") -> bytes:
    return json.dumps({"w": {"dtype": kind, "shape": shape, "data_offsets": offsets}}).encode()


BOMBS = {
    "a header of four exabytes": _file(b"{}", num_header_bytes=1 << 62),
    "a header of a gigabyte": _file(b"{}", num_header_bytes=1 << 30),
    "a tensor of four terabytes": _file(_tensor([1 << 40], [0, 1 << 42])),
    "a shape that overflows": _file(_tensor([1 << 62, 1 << 62], [0, 16]), data=bytes(16)),
    "an end before its beginning": _file(_tensor([4], [16, 0]), data=bytes(16)),
    "bytes outside of the file": _file(_tensor([4], [0, 16]), data=bytes(8)),
    "bytes that nobody owns": _file(_tensor([1], [0, 4]), data=bytes(64)),
    "a shape that is not its bytes": _file(_tensor([1000], [0, 16]), data=bytes(16)),
    "a kind that there is not": _file(_tensor([4], [0, 16], "PICKLE"), data=bytes(16)),
    "a header deeper than a stack": _file(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "no header": b"",
    "a pickle": b"\x80\x04\x95\x0a\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_safetensors_bomb_with_the_right_digest_is_refused(tmp_path: Path, name: str):
    folder = tmp_path / "10"
    folder.mkdir()
    contents = {WEIGHTS: BOMBS[name], STATE: b"{}"}
    entries = {}
    for file, content in contents.items():
        (folder / file).write_bytes(content)
        entries[file] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest = {"format": FORMAT, "step": 10, "epoch": 1, "files": entries}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointRefused):
        load(folder)
