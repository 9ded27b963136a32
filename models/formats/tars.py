"""Tar archives as they lie: each header is read where it is and no content is, so a hundred gigabytes take seconds.

The standard library keeps an object of a kilobyte for every entry and reads five times as long. Understood are ustar,
GNU's long names and sizes, and the path and size of pax; refused, with the entry named, are links, devices, sparse
files and everything `archives` refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from models.errors import InvalidData
from models.formats.archives import check_name
from models.formats.members import Blob, Member

_BLOCK: Final = 512
_FILES: Final = frozenset(b"0\x007")
_FOLDER: Final = ord("5")
_LONG_NAME: Final = ord("L")
_PAX: Final = ord("x")
_PASSED_OVER: Final = frozenset(b"gK")  # pax defaults for all, and the target of a link, whose link is refused
_MAX_HEADER_BYTES: Final = 1 << 20


def is_tar(blob: Blob) -> bool:
    """Whether the file begins with the header of a tar entry."""
    return blob.num_bytes >= _BLOCK and _is_header(blob.read(0, _BLOCK, place="the archive"))


def tar_members(blob: Blob, *, start: int = 0, end: int | None = None, within: str = "") -> Iterator[Member]:
    """The files of the tar that lies between two offsets; raises InvalidData naming the entry.

    `within` is put before every name: the folder that a tar inside a tar stands for.
    """
    end = blob.num_bytes if end is None else end
    offset, long_name, pax = start, "", dict[str, str]()
    place = within.rstrip("/") or "the archive"
    while offset + _BLOCK <= end:
        header = blob.read(offset, _BLOCK, place=place)
        if not header[0] and header == bytes(_BLOCK):
            return
        if not _is_header(header):
            raise InvalidData("it is no tar archive, or it is damaged", place=place)
        kind, num_bytes = header[156], int(pax.pop("size", "") or _number(header[124:136], place=place))
        offset += _BLOCK
        if num_bytes > end - offset:
            raise InvalidData("the archive is damaged: it ends inside a file", place=_name(header) or place)
        if kind in (_LONG_NAME, _PAX) or kind in _PASSED_OVER:
            content = _header_content(blob, offset, num_bytes, place=place)
            if kind == _LONG_NAME:
                long_name = content.rstrip(b"\0").decode(errors="replace")
            elif kind == _PAX:
                pax |= _pax(content, place=place)
        else:
            name = pax.pop("path", "") or long_name or _name(header)
            is_sparse = any(key.startswith("GNU.sparse") for key in pax)
            long_name, pax, place = "", {}, within + name
            check_name(name)
            if is_sparse or (kind not in _FILES and kind != _FOLDER):
                raise InvalidData("links, devices and sparse files are not read from archives", place=place)
            if kind in _FILES and not name.endswith("/"):
                yield Member(within + name.removeprefix("./"), offset, num_bytes, num_bytes)
        offset += -(-num_bytes // _BLOCK) * _BLOCK
    if offset != end:
        raise InvalidData("the archive is damaged: it ends too early", place=place)


def _is_header(header: bytes) -> bool:
    """Whether the checksum of a block is right, by unsigned bytes or, as some old tars have it, by signed ones."""
    try:
        told = int(header[148:156].strip(b" \0"), 8)
    except ValueError:
        return False
    plain = header[:148] + b" " * 8 + header[156:]
    return told == sum(plain) or told == sum(plain) - 256 * sum(byte > 127 for byte in plain)


def _name(header: bytes) -> str:
    name = header[:100].partition(b"\0")[0]
    if header[257:263] == b"ustar\0" and (prefix := header[345:500].partition(b"\0")[0]):
        name = prefix + b"/" + name
    return name.decode(errors="surrogateescape")


def _number(field: bytes, *, place: str) -> int:
    """Octal digits, or for what is too large for them a big-endian number behind a byte of 128."""
    try:
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else int(field.strip(b" \0") or b"0", 8)
    except ValueError as error:
        raise InvalidData("the archive is damaged: a size is no number", place=place) from error


def _header_content(blob: Blob, offset: int, num_bytes: int, *, place: str) -> bytes:
    if num_bytes > _MAX_HEADER_BYTES:
        raise InvalidData(f"a header of {num_bytes:,} bytes is no honest one", place=place)
    return blob.read(offset, num_bytes, place=place)


def _pax(content: bytes, *, place: str) -> dict[str, str]:
    """The records of a pax header, each `<length> <key>=<value>` and a line end."""
    records: dict[str, str] = {}
    while content.rstrip(b"\0"):
        try:
            length = int(content.partition(b" ")[0])
            key, _, value = content[:length].partition(b" ")[2].rstrip(b"\n").decode().partition("=")
        except ValueError as error:
            raise InvalidData("the archive is damaged: a pax header cannot be read", place=place) from error
        if length <= 0 or (key == "size" and not value.isdecimal()):
            raise InvalidData("the archive is damaged: a pax header cannot be read", place=place)
        records[key] = value
        content = content[length:]
    return records
