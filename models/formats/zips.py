"""Zip archives as they lie: their directory is read in pieces, and no content is.

The standard library keeps most of a kilobyte for every entry. Refused, with the entry named, are encryption, packings
other than deflate, links, files that overlap as those of a bomb do, and everything `archives` refuses.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from models.errors import InvalidData
from models.formats import limits
from models.formats.archives import check_name
from models.formats.members import ZIP_DEFLATED, ZIP_STORED, Blob, Member

_END: Final = struct.Struct("<4s4H2LH")
_END_64_LOCATOR: Final = struct.Struct("<4sLQL")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL_HEADER_BYTES: Final = 30
_MAX_COMMENT_BYTES: Final = 0xFFFF
_FULL: Final = 0xFFFFFFFF
_PIECE_BYTES: Final = 1 << 20
_PLACE: Final = "the archive"
_ENCRYPTED, _UTF8 = 0x1, 0x800
_PACKINGS: Final = {0: ZIP_STORED, 8: ZIP_DEFLATED}


class _Directory(NamedTuple):
    """Where the directory lies, and how many entries it has."""

    offset: int
    num_bytes: int
    num_entries: int


def is_zip(blob: Blob) -> bool:
    """Whether the file begins as a zip with files or is an empty one."""
    return blob.num_bytes >= _END.size and blob.read(0, 4, place=_PLACE) in (b"PK\3\4", b"PK\5\6")


def zip_members(blob: Blob) -> Iterator[Member]:
    """The files of a zip archive in the order of its directory; raises InvalidData naming the entry."""
    directory = _directory(blob)
    begins, ends, total = np.zeros(directory.num_entries, np.int64), np.zeros(directory.num_entries, np.int64), 0
    number = -1
    for number, member in enumerate(_entries(blob, directory)):
        begins[number] = member.offset
        ends[number] = member.offset + _LOCAL_HEADER_BYTES + member.packed_bytes
        total += member.num_bytes
        _check_size(member, total, blob)
        if not member.name.endswith("/"):
            yield member
    order = np.argsort(begins, kind="stable")
    if number >= 0 and ((ends[order][:-1] > begins[order][1:]).any() or ends.max() > directory.offset):
        raise InvalidData("the files of the zip archive overlap, as only those of a bomb do", place=_PLACE)


def _directory(blob: Blob) -> _Directory:
    tail_bytes = min(blob.num_bytes, _END.size + _MAX_COMMENT_BYTES)
    tail = blob.read(blob.num_bytes - tail_bytes, tail_bytes, place=_PLACE)
    place = tail.rfind(b"PK\5\6")
    if place < 0 or place + _END.size > len(tail):
        raise InvalidData("the zip archive is damaged: it has no directory", place=_PLACE)
    _, _, _, _, num_entries, num_bytes, offset, _ = _END.unpack_from(tail, place)
    at = blob.num_bytes - tail_bytes + place - _END_64_LOCATOR.size
    if at >= 0:
        magic, _, end_64, _ = _END_64_LOCATOR.unpack(blob.read(at, _END_64_LOCATOR.size, place=_PLACE))
        if magic == b"PK\6\7":
            words = _END_64.unpack(blob.read(end_64, _END_64.size, place=_PLACE))
            if words[0] != b"PK\6\6":
                raise InvalidData("the zip archive is damaged: it has no directory", place=_PLACE)
            num_entries, num_bytes, offset = words[7:10]
    if num_entries > limits.MAX_INDEXED_ENTRIES:
        raise InvalidData(f"the archive has {num_entries:,} entries; at most {limits.MAX_INDEXED_ENTRIES:,} are read")
    if offset + num_bytes > blob.num_bytes:
        raise InvalidData("the zip archive is damaged: its directory lies outside of it", place=_PLACE)
    return _Directory(offset, num_bytes, num_entries)


def _entries(blob: Blob, directory: _Directory) -> Iterator[Member]:
    """The entries of the directory, read in pieces of a megabyte."""
    offset, end, rest = directory.offset, directory.offset + directory.num_bytes, b""
    place = 0
    for _ in range(directory.num_entries):
        if len(rest) - place < _ENTRY.size + 3 * _MAX_COMMENT_BYTES and offset < end:
            piece = blob.read(offset, min(_PIECE_BYTES, end - offset), place=_PLACE)
            rest, place, offset = rest[place:] + piece, 0, offset + len(piece)
        if len(rest) - place < _ENTRY.size:
            raise InvalidData("the zip archive is damaged: its directory ends too early", place=_PLACE)
        words = _ENTRY.unpack_from(rest, place)
        if words[0] != b"PK\1\2":
            raise InvalidData("the zip archive is damaged: its directory cannot be read", place=_PLACE)
        name_bytes, extra_bytes, comment_bytes = words[10:13]
        place += _ENTRY.size
        name = rest[place : place + name_bytes]
        extra = rest[place + name_bytes : place + name_bytes + extra_bytes]
        place += name_bytes + extra_bytes + comment_bytes
        yield _member(words, name, extra)


def _member(words: tuple[int, ...], encoded: bytes, extra: bytes) -> Member:
    flags, method, crc, packed_bytes, num_bytes = words[3], words[4], words[7], words[8], words[9]
    offset = words[16]
    name = encoded.decode("utf-8" if flags & _UTF8 else "cp437", errors="replace")
    check_name(name)
    if stat.S_IFMT(words[15] >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise InvalidData("links and devices are not read from archives", place=name)
    if flags & _ENCRYPTED:
        raise InvalidData("the entry is encrypted", place=name)
    if method not in _PACKINGS:
        raise InvalidData("it is packed in a way that is not read; stored and deflate are", place=name)
    if _FULL in (packed_bytes, num_bytes, offset):
        num_bytes, packed_bytes, offset = _large(extra, num_bytes, packed_bytes, offset, place=name)
    if method == 0 and packed_bytes != num_bytes:
        raise InvalidData("the zip archive is damaged: a size is not what it says", place=name)
    return Member(name.removeprefix("./"), offset, num_bytes, packed_bytes, _PACKINGS[method], crc)


def _large(extra: bytes, num_bytes: int, packed_bytes: int, offset: int, *, place: str) -> tuple[int, int, int]:
    """Sizes and offset that do not fit into 32 bits, from the extra field that is there for them."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == 1:
            numbers = iter(struct.unpack_from(f"<{min(length, len(extra) - 4) // 8}Q", extra, 4))
            wide = tuple(
                next(numbers, None) if value == _FULL else value for value in (num_bytes, packed_bytes, offset)
            )
            if wide[0] is not None and wide[1] is not None and wide[2] is not None:
                return wide[0], wide[1], wide[2]
        extra = extra[4 + length :]
    raise InvalidData("the zip archive is damaged: a size is missing", place=place)


def _check_size(member: Member, total: int, blob: Blob) -> None:
    """Refuses a file that unpacks to more than an honest one of its size does."""
    if member.num_bytes > max(limits.RATIO_FREE_BYTES, member.packed_bytes * limits.MAX_RATIO):
        raise InvalidData(f"it unpacks to {member.num_bytes:,} bytes, more than it honestly can", place=member.name)
    if total > max(limits.RATIO_FREE_BYTES, blob.num_bytes * limits.MAX_RATIO):
        raise InvalidData(f"the archive unpacks to more than {total:,} bytes, more than it honestly can", place=_PLACE)
