"""CIFAR-10's binary version: records of a label and the pixels of three channels, in the files of an archive.

Each record is one byte of label and 3,072 of an image of 32 x 32: all of red, all of green, all of blue, row by row.
Files named `test_…` are the official test part; `batches.meta.txt` names the classes, one a line.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData
from models.formats.archives import entries
from models.formats.options import Options
from models.formats.sources import PARTS, Images

_SIDE, _CHANNELS = 32, 3
_RECORD_BYTES = 1 + _CHANNELS * _SIDE * _SIDE
_NAMES = "batches.meta.txt"


def read_cifar(path: Path, options: Options) -> Images:  # noqa: ARG001 - every reader takes options
    """The images of the archive, those of its files in the order of their names; raises InvalidData naming the file."""
    records: dict[str, npt.NDArray[np.uint8]] = {}
    names: list[str] | None = None
    for place, content in entries(path):
        file = place.rpartition("/")[2]
        if file.endswith(".bin"):
            records[file] = _records(content, place=place)
        elif file == _NAMES:
            names = content.decode("utf-8", errors="replace").split()
    if not records:
        raise InvalidData("the archive holds no files named like data_batch_1.bin and test_batch.bin")
    files = sorted(records)
    together = np.concatenate([records[file] for file in files])
    labels = together[:, 0].astype(np.int64)
    classes = names or [str(label) for label in range(int(labels.max()) + 1)]
    if labels.max() >= len(classes) or len(set(classes)) < len(classes):
        raise InvalidData(
            f"it names {len(classes)} classes for labels up to {labels.max()}, or one twice", place=_NAMES
        )
    images = together[:, 1:].reshape(-1, _CHANNELS, _SIDE, _SIDE).transpose(0, 2, 3, 1)
    return Images(np.ascontiguousarray(images), labels, classes, _split(files, records))


def _records(content: bytes, *, place: str) -> npt.NDArray[np.uint8]:
    if not content or len(content) % _RECORD_BYTES:
        raise InvalidData(f"it has {len(content):,} bytes, no multiple of {_RECORD_BYTES:,}", place=place)
    return np.frombuffer(content, np.uint8).reshape(-1, _RECORD_BYTES)


def _split(files: list[str], records: dict[str, npt.NDArray[np.uint8]]) -> npt.NDArray[np.int8] | None:
    """Which part each row belongs to, where there are files of both."""
    parts = [PARTS.index("test" if file.startswith("test") else "train") for file in files]
    if len(set(parts)) < 2:
        return None
    return np.repeat(np.array(parts, np.int8), [len(records[file]) for file in files])
