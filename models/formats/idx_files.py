"""One IDX file: its name, its header and its values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData
from models.formats.sources import PARTS

NAME = re.compile(r"(?P<part>.*?)[-_.]?(?P<kind>images|labels)[-_.]idx[13][-_.]ubyte(\.gz)?$")
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4"}
_WORDS = {"train": "train", "validation": "validation", "val": "validation", "valid": "validation"}
_WORDS |= {"t10k": "test", "test": "test"}


def shape_of(head: bytes, *, axes: int, place: str) -> list[int]:
    """The lengths of the axes: two zero bytes, type, number of axes, then those as big-endian 32 bits.

    Images are of bytes, labels of whole numbers; raises InvalidData naming `place` for everything else.
    """
    if len(head) < 4 + 4 * axes or head[:2] != b"\0\0" or head[3] != axes:
        raise InvalidData(f"it is no IDX file of {axes} axes", place=place)
    kind = _TYPES.get(head[2])
    if kind is None or (axes == 3 and kind != ">u1"):
        raise InvalidData("its values are not of 8 bits, or of no whole numbers", place=place)
    return [int(length) for length in np.frombuffer(head, ">u4", count=axes, offset=4)]


def array_of(content: bytes, *, axes: int, place: str) -> npt.NDArray[Any]:
    """The values of a file; raises InvalidData naming `place` where they are not as many as it announces."""
    shape = shape_of(content, axes=axes, place=place)
    kind, start = _TYPES[content[2]], 4 + 4 * axes
    values = np.frombuffer(content, kind, offset=start) if len(content) > start else np.empty(0, kind)
    if values.size != np.prod(shape, dtype=object) or not values.size:
        raise InvalidData(f"it announces {shape} values and holds {values.size}", place=place)
    return values.reshape(shape)


def parts_of(sizes: Mapping[str, int]) -> npt.NDArray[np.int8] | None:
    """Which official part each row belongs to, when the name of each part says so and there is more than one."""
    words = [_part_word(part) for part in sizes]
    if len(sizes) < 2 or None in words or "train" not in words:
        return None
    return np.repeat(np.array([PARTS.index(word) for word in words if word is not None], np.int8), list(sizes.values()))


def _part_word(part: str) -> str | None:
    return next((_WORDS[word] for word in re.split(r"[^a-z0-9]+", part.lower()) if word in _WORDS), None)
