"""Images in a NumPy archive that are too many for memory: rows read by offset from where `numpy.savez` has put them.

Arrays that `savez_compressed` has packed cannot be read so, and are held in memory within its limits.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from tokenize import TokenError
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData
from models.formats import limits
from models.formats.image_files import ImageFiles
from models.formats.labels import coded
from models.formats.members import ZIP_STORED, Blob, Member, Members
from models.formats.sources import PARTS
from models.formats.zips import is_zip, zip_members

_LARGEST_SIDE: Final = 1 << 20
_HEAD_BYTES: Final = 4096
_SUFFIX: Final = ".npy"

#: What NumPy raises for an array whose header is damaged: it is parsed as Python.
NO_ARRAY: Final = (ValueError, TokenError, SyntaxError)


class _Block(NamedTuple):
    """Images that lie one behind the other: where they begin, how many, and the shape [H, W, C] of each."""

    offset: int
    num: int
    shape: tuple[int, int, int]


def images_in_place(path: Path) -> ImageFiles | None:
    """The images of an archive of x and y, or of x_train, y_train and so on, where they are large and lie unpacked.

    None for everything else, which is read as a whole. Raises InvalidData where answers do not fit the images.
    """
    if path.stat().st_size <= limits.MAX_HELD_BYTES:
        return None
    blob = Blob.open(path)
    if not is_zip(blob):
        return None
    arrays = {member.name.removesuffix(_SUFFIX): member for member in zip_members(blob)}
    endings = ["", *(f"_{part}" for part in PARTS)]
    found = [ending for ending in endings if f"x{ending}" in arrays]
    if set(arrays) != {f"{letter}{ending}" for letter in "xy" for ending in found} or ("" in found and len(found) > 1):
        return None
    blocks = [_block(blob, arrays[f"x{ending}"]) for ending in found]
    known = [block for block in blocks if block is not None]
    if len(known) < len(found) or len({block.shape for block in known}) != 1:
        return None
    labels, classes = coded(_answers(blob, arrays, found, known), place="array 'y'")
    codes = np.array([0 if not ending else PARTS.index(ending[1:]) for ending in found], np.int8)
    split = np.repeat(codes, [block.num for block in known]) if len(found) > 1 else None
    members = Members(blob)
    for ending, block in zip(found, known, strict=True):
        _add(members, f"x{ending}", block)
    return ImageFiles(members, np.arange(len(labels)), labels, classes, _LARGEST_SIDE, split, raw=known[0].shape)


def _block(blob: Blob, member: Member) -> _Block | None:
    """Where the images of an array lie; None where it is packed, or is none of images of bytes."""
    if member.packing != ZIP_STORED:
        return None
    offset = blob.content_offset(member.offset, place=member.name)
    head = io.BytesIO(blob.read(offset, min(_HEAD_BYTES, member.num_bytes), place=member.name))
    shape, dtype = _header(head)
    if dtype != np.uint8 or len(shape) not in {3, 4} or (len(shape) == 4 and shape[3] not in {1, 3}):
        return None
    if head.tell() + math.prod(shape) != member.num_bytes or not math.prod(shape):
        return None
    num, height, width = shape[:3]
    return _Block(offset + head.tell(), num, (height, width, shape[3] if len(shape) == 4 else 1))


def _header(head: io.BytesIO) -> tuple[tuple[int, ...], Any]:
    """Shape and type of an array in rows, from the first bytes of its file; no shape where it is none."""
    try:
        version = np.lib.format.read_magic(head)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, dtype = read(head)
    except NO_ARRAY:
        return (), None
    return (() if by_columns else shape), dtype


def _answers(blob: Blob, arrays: dict[str, Member], found: list[str], blocks: list[_Block]) -> npt.NDArray[Any]:
    """The labels of all images; raises InvalidData where an array has not one for each."""
    parts = []
    for ending, block in zip(found, blocks, strict=True):
        name = f"y{ending}"
        alone = Members(blob)
        alone.add(arrays[name])
        try:
            labels = np.lib.format.read_array(io.BytesIO(alone.read(0)), allow_pickle=False)
        except NO_ARRAY as error:
            raise InvalidData(f"it is no plain array ({error})", place=f"array {name!r}") from error
        labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
        if labels.shape != (block.num,):
            message = f"it has the shape {list(labels.shape)} for {block.num} rows"
            raise InvalidData(message, place=f"array {name!r}")
        parts.append(labels)
    return np.concatenate(parts)


def _add(members: Members, name: str, block: _Block) -> None:
    num_bytes = math.prod(block.shape)
    for row in range(block.num):
        members.add(Member(f"{name}[{row}]", block.offset + row * num_bytes, num_bytes, num_bytes))
