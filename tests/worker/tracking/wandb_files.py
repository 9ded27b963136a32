"""Run files of W&B, record by record: LevelDB's log format around W&B's own messages."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

_BLOCK_BYTES = 1 << 15
_FILE_HEADER_BYTES = 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def records(path: Path) -> Iterator[wandb_internal_pb2.Record]:
    """Every record of a run file."""
    content, start, parts = path.read_bytes(), _FILE_HEADER_BYTES, bytearray()
    assert content.startswith(b":W&B")
    while start + 7 <= len(content):
        if _BLOCK_BYTES - start % _BLOCK_BYTES < 7:
            start += _BLOCK_BYTES - start % _BLOCK_BYTES
            continue
        _, length, kind = struct.unpack_from("<IHB", content, start)
        parts += content[start + 7 : start + 7 + length]
        start += 7 + length
        if kind in {_FULL, _LAST}:
            yield wandb_internal_pb2.Record.FromString(bytes(parts))
            parts.clear()


def is_whole(path: Path) -> bool:
    """Whether its last record is there, which says how the run ended."""
    return any(record.WhichOneof("record_type") == "exit" for record in records(path))


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows that were logged."""
    return [
        {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for record in records(path)
        if record.WhichOneof("record_type") == "history"
    ]


def run_of(path: Path) -> wandb_internal_pb2.RunRecord:
    """The run as it was begun."""
    return next(record.run for record in records(path) if record.WhichOneof("record_type") == "run")


def summary_of(path: Path) -> dict[str, Any]:
    """The summary, as it was updated last."""
    found: dict[str, Any] = {}
    for record in records(path):
        if record.WhichOneof("record_type") == "summary":
            for item in record.summary.update:
                found["/".join(item.nested_key) or item.key] = json.loads(item.value_json)
    return found


def exit_code_of(path: Path) -> int:
    """How the run ended."""
    return next(record.exit.exit_code for record in records(path) if record.WhichOneof("record_type") == "exit")
