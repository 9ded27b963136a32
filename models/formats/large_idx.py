"""IDX files that are too many for memory: images read by offset from where they lie in their archive.

Files that are packed one by one, as MNIST's own are, cannot be read so, and are held in memory within its limits.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData
from models.formats import limits
from models.formats.archives import unpack
from models.formats.idx_files import NAME, array_of, parts_of, shape_of
from models.formats.image_files import ImageFiles
from models.formats.images import opened
from models.formats.labels import coded
from models.formats.members import PLAIN, ZIP_STORED, Blob, Member, Members
from models.formats.tars import is_tar, tar_members
from models.formats.zips import is_zip, zip_members

_LARGEST_SIDE: Final = 1 << 20
_HEAD_BYTES: Final = 16


class _Images(NamedTuple):
    """Images that lie one behind the other: where the first begins, how many, and height and width of each."""

    name: str
    offset: int
    num: int
    height: int
    width: int


def images_in_place(path: Path) -> ImageFiles | None:
    """The images of an archive that is large and holds them unpacked; None for every other, which is read as a whole.

    Raises InvalidData naming the file where labels are missing or do not fit the images.
    """
    if path.stat().st_size <= limits.MAX_HELD_BYTES:
        return None
    blob = opened(path)
    if not is_zip(blob) and not is_tar(blob):
        return None
    images: dict[str, _Images] = {}
    labels: dict[str, npt.NDArray[np.int64]] = {}
    for member in zip_members(blob) if is_zip(blob) else tar_members(blob):
        match = NAME.match(member.name.rpartition("/")[2])
        if match is None:
            continue
        found = images if match["kind"] == "images" else labels
        if match["part"] in found:
            raise InvalidData("the archive holds these images or labels twice", place=member.name)
        if match["kind"] == "labels":
            labels[match["part"]] = _labels(blob, member)
        elif (placed := _placed(blob, member)) is not None:
            images[match["part"]] = placed
        else:
            return None
    return _together(blob, dict(sorted(images.items())), labels) if images else None


def _placed(blob: Blob, member: Member) -> _Images | None:
    """Where the images of a file lie; None where it is packed."""
    if member.packing not in (PLAIN, ZIP_STORED) or member.name.endswith(".gz"):
        return None
    place, offset = member.name, member.offset
    if member.packing == ZIP_STORED:
        offset = blob.content_offset(offset, place=place)
    num, height, width = shape_of(
        blob.read(offset, min(_HEAD_BYTES, member.num_bytes), place=place), axes=3, place=place
    )
    if _HEAD_BYTES + num * height * width != member.num_bytes or not num * height * width:
        message = f"it announces {[num, height, width]} values and holds {member.num_bytes - _HEAD_BYTES}"
        raise InvalidData(message, place=place)
    return _Images(member.name, offset + _HEAD_BYTES, num, height, width)


def _labels(blob: Blob, member: Member) -> npt.NDArray[np.int64]:
    alone = Members(blob)
    alone.add(member)
    return array_of(unpack(alone.read(0), place=member.name), place=member.name, axes=1).astype(np.int64)


def _together(blob: Blob, images: dict[str, _Images], labels: dict[str, npt.NDArray[np.int64]]) -> ImageFiles:
    for part, placed in images.items():
        if part not in labels or len(labels[part]) != placed.num:
            message = f"there are {placed.num} images and {len(labels.get(part, ()))} labels"
            raise InvalidData(message, place=f"part {part!r}")
    if len({(placed.height, placed.width) for placed in images.values()}) > 1:
        raise InvalidData("the images of its parts differ in size", place="the archive")
    members = Members(blob)
    for placed in images.values():
        num_bytes = math.prod((placed.height, placed.width))
        for row in range(placed.num):
            members.add(Member(f"{placed.name}[{row}]", placed.offset + row * num_bytes, num_bytes, num_bytes))
    answers, classes = coded(np.concatenate([labels[part] for part in images]), place="the label files")
    split = parts_of({part: placed.num for part, placed in images.items()})
    first = next(iter(images.values()))
    shape = (first.height, first.width, 1)
    return ImageFiles(members, np.arange(len(members)), answers, classes, _LARGEST_SIDE, split, raw=shape)
