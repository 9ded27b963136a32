"""IDX, the format of MNIST: a zip or tar that holds image files and their label files, plain or gzip.

A pair is `<part>-images-idx3-ubyte[.gz]` and `<part>-labels-idx1-ubyte[.gz]`. Parts named train, validation and t10k or
test become the official split.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData
from models.formats.archives import entries, unpack
from models.formats.labels import coded
from models.formats.options import Options
from models.formats.sources import PARTS, Images

_NAME = re.compile(r"(?P<part>.*?)[-_.]?(?P<kind>images|labels)[-_.]idx[13][-_.]ubyte(\.gz)?$")
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4"}
_WORDS = {"train": "train", "validation": "validation", "val": "validation", "valid": "validation"}
_WORDS |= {"t10k": "test", "test": "test"}


def read_idx(path: Path, options: Options) -> Images:  # noqa: ARG001 - every reader takes options
    """The images and labels of the archive; raises InvalidData naming the file."""
    pairs = _pairs(path)
    for part, pair in pairs.items():
        if set(pair) != {"images", "labels"}:
            raise InvalidData(f"the archive holds only the {next(iter(pair))}", place=f"part {part!r}")
        if len(pair["images"]) != len(pair["labels"]):
            message = f"there are {len(pair['images'])} images and {len(pair['labels'])} labels"
            raise InvalidData(message, place=f"part {part!r}")
    if not pairs:
        raise InvalidData("the archive holds no files named like train-images-idx3-ubyte and train-labels-idx1-ubyte")
    pixels = [pair["images"] for pair in pairs.values()]
    if len({part.shape[1:] for part in pixels}) > 1:
        raise InvalidData("the images of its parts differ in size", place="the archive")
    labels, classes = coded(np.concatenate([pair["labels"] for pair in pairs.values()]), place="the label files")
    return Images(np.concatenate(pixels)[..., None], labels, classes, _split(pairs))


def _pairs(path: Path) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """Arrays by part and kind."""
    pairs: dict[str, dict[str, npt.NDArray[Any]]] = {}
    for name, content in entries(path):
        match = _NAME.match(name.rpartition("/")[2])
        if match is None:
            continue
        array = _array(unpack(content, place=name), place=name, axes=3 if match["kind"] == "images" else 1)
        if match["kind"] in pairs.setdefault(match["part"], {}):
            raise InvalidData("the archive holds these images or labels twice", place=name)
        pairs[match["part"]][match["kind"]] = array
    return dict(sorted(pairs.items()))


def _array(content: bytes, *, place: str, axes: int) -> npt.NDArray[Any]:
    """One IDX file: two zero bytes, type, number of axes, their lengths as big-endian 32 bits, then the values."""
    if len(content) < 4 + 4 * axes or content[:2] != b"\0\0" or content[3] != axes:
        raise InvalidData(f"it is no IDX file of {axes} axes", place=place)
    kind = _TYPES.get(content[2])
    if kind is None or (axes == 3 and kind != ">u1"):
        raise InvalidData("its values are not of 8 bits, or of no whole numbers", place=place)
    shape = [int(length) for length in np.frombuffer(content, ">u4", count=axes, offset=4)]
    values = np.frombuffer(content, kind, offset=4 + 4 * axes) if len(content) > 4 + 4 * axes else np.empty(0, kind)
    if values.size != np.prod(shape, dtype=object) or not values.size:
        raise InvalidData(f"it announces {shape} values and holds {values.size}", place=place)
    return values.reshape(shape)


def _split(pairs: dict[str, dict[str, npt.NDArray[Any]]]) -> npt.NDArray[np.int8] | None:
    """Which part each row belongs to, when every name says so and there is more than one."""
    words = [_part_word(part) for part in pairs]
    if len(pairs) < 2 or None in words or "train" not in words:
        return None
    parts = np.array([PARTS.index(word) for word in words if word is not None], np.int8)
    return np.repeat(parts, [len(pair["labels"]) for pair in pairs.values()])


def _part_word(part: str) -> str | None:
    return next((_WORDS[word] for word in re.split(r"[^a-z0-9]+", part.lower()) if word in _WORDS), None)
