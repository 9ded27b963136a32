"""Archives by their index: contents by offset as the standard library reads them, bombs and lies refused by name."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import InvalidData
from models.formats import limits
from models.formats.images import opened
from models.formats.members import Blob, Members
from models.formats.tars import tar_members
from models.formats.zips import zip_members

Index = Callable[[bytes], Members]


@pytest.fixture
def index(tmp_path: Path) -> Index:
    """Writes an archive and indexes it."""

    def indexing(content: bytes) -> Members:
        path = tmp_path / "archive"
        path.write_bytes(content)
        blob = Blob.open(path)
        members = Members(blob)
        for member in zip_members(blob) if content.startswith(b"PK") else tar_members(blob):
            members.add(member)
        return members

    return indexing


def contents(members: Members) -> dict[str, bytes]:
    return {members.name(number): members.read(number) for number in range(len(members))}


FILES = {
    "a/b.bin": bytes(range(256)) * 20,
    "a/empty": b"",
    "ä/ü.txt": "größer".encode(),
    "n" * 90 + "/" + "m" * 90: b"long",
    "p" * 300 + "/" + "q" * 200: b"longer than any header has room for",
}


def tar_of(files: dict[str, bytes], format: int) -> bytes:  # noqa: A002  tarfile's own word
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        archive.addfile(folder := tarfile.TarInfo("folder"), None)
        folder.type = tarfile.DIRTYPE
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), 1.5
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("format_", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_gives_what_the_standard_library_gives(index, format_):
    found = contents(index(tar_of(FILES, format_)))

    assert {name: content for name, content in found.items() if name != "folder"} == FILES


def test_an_old_tar_is_read_too(index):
    files = {name: content for name, content in FILES.items() if len(name) < 200}

    assert contents(index(tar_of(files, tarfile.USTAR_FORMAT))).items() >= files.items()


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_gives_what_the_standard_library_gives(index, packing):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        archive.comment = b"a remark" * 100
        archive.mkdir("folder")
        for name, content in FILES.items():
            with archive.open(name, "w", force_zip64=name == "a/b.bin") as file:
                file.write(content)

    assert contents(index(buffer.getvalue())) == FILES


def test_a_zip_whose_directory_needs_64_bits_is_read(index, zipped, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    content = zipped(FILES)
    assert b"PK\6\6" in content

    assert contents(index(content)) == FILES


def test_sizes_that_octal_digits_cannot_hold_are_read(index, tarred):
    content = bytearray(tarred({"a": b"12345"}))
    content[124:136] = b"\x80" + (5).to_bytes(11, "big")
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])

    assert contents(index(bytes(content))) == {"a": b"12345"}


def test_a_checksum_of_signed_bytes_is_right_too_and_another_is_not(index, tarred):
    content = bytearray(tarred({"ä": b"12345"}, mode="w"))
    content[148:156] = b" " * 8
    told = sum(byte - 256 if byte > 127 else byte for byte in content[:512])
    content[148:156] = b"%06o\0 " % told
    assert contents(index(bytes(content))) == {"ä": b"12345"}

    content[148:156] = b"%06o\0 " % (told + 1)
    with pytest.raises(InvalidData, match="no tar archive"):
        index(bytes(content))


def test_equal_contents_share_a_sketch_and_a_digest_wherever_they_lie(index, tarred, zipped):
    long, other = bytes(range(256)) * 100, bytes(range(255)) * 100
    for content in (tarred, zipped):
        members = index(content({"a": long, "b": b"x", "c": long, "d": other}))
        sketches, digests = zip(*((members.sketch(n), members.digest(n)) for n in range(4)), strict=True)
        for keys in (sketches, digests):
            assert keys[0] == keys[2]
            assert len(set(keys)) == 3


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/passwd", "..", "a\\..\\evil", "C:/evil", "a\nb", "a\x1b[31m", "x" * 2000]
)
def test_names_that_lead_out_or_deceive_are_refused(index, tarred, name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"x")
    for content in (tarred({name: b"x"}), buffer.getvalue()):
        with pytest.raises(InvalidData, match="name"):
            index(content)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, b"S"])
def test_links_devices_and_sparse_files_are_refused(index, kind):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)

    with pytest.raises(InvalidData, match="links") as caught:
        index(buffer.getvalue())
    assert caught.value.place == "link"


def test_links_in_a_zip_and_encrypted_entries_are_refused(index, zipped):
    info, buffer = zipfile.ZipInfo("link"), io.BytesIO()
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, b"/etc/passwd")
    with pytest.raises(InvalidData, match="links"):
        index(buffer.getvalue())

    encrypted = bytearray(zipped({"a": b"x"}))
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InvalidData, match="encrypted"):
        index(bytes(encrypted))


def test_a_file_that_unpacks_to_more_than_it_honestly_can_is_refused(index, zipped, monkeypatch):
    monkeypatch.setattr(limits, "RATIO_FREE_BYTES", 1 << 20)

    with pytest.raises(InvalidData, match="more than it honestly can") as caught:
        index(zipped({"good": b"x", "bomb": bytes(2_000_000)}))
    assert caught.value.place == "bomb"


def test_a_zip_that_declares_another_size_or_content_than_it_holds_is_refused_when_it_is_read(index, zipped):
    content = zipped({"a": bytes(100_000)})
    lie = content.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(InvalidData, match="size of the file is not what it says") as caught:
        index(lie).read(0)
    assert caught.value.place == "a"

    crc = zipfile.ZipFile(io.BytesIO(content)).infolist()[0].CRC
    other = content.replace(struct.pack("<L", crc), struct.pack("<L", crc ^ 1))
    with pytest.raises(InvalidData, match="checksum"):
        index(other).read(0)


def test_files_of_a_zip_that_overlap_are_refused(index, zipped):
    content = bytearray(zipped({"a": os.urandom(1000), "b": b"y"}))
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    content[second + 42 : second + 46] = (40).to_bytes(4, "little")

    with pytest.raises(InvalidData, match="overlap"):
        index(bytes(content))


def test_a_header_that_lies_about_its_size_is_refused(index, tarred):
    content = bytearray(tarred({"a": b"12345"}))
    content[124:136] = b"77777777777\0"
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])

    with pytest.raises(InvalidData, match="ends inside a file") as caught:
        index(bytes(content))
    assert caught.value.place == "a"


def test_a_header_of_megabytes_is_refused(index):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("a")
        member.pax_headers = {"comment": "x" * 2_000_000}
        archive.addfile(member)

    with pytest.raises(InvalidData, match="no honest one"):
        index(buffer.getvalue())


@pytest.mark.parametrize("packing", ["zipped", "tarred"])
def test_a_cut_archive_is_refused(index, request, packing):
    content = request.getfixturevalue(packing)({"a": os.urandom(5000), "b": os.urandom(5000)})

    with pytest.raises(InvalidData, match="damaged"):
        index(content[:3000] if packing == "tarred" else content[:-30])


def test_too_many_files_are_refused(index, zipped, tarred, monkeypatch):
    monkeypatch.setattr(limits, "MAX_INDEXED_ENTRIES", 2)

    for content in (zipped, tarred):
        with pytest.raises(InvalidData, match=r"files|entries"):
            index(content({f"{number}": b"" for number in range(3)}))


def test_a_packed_tar_is_unpacked_once_and_leaves_nothing_behind(tmp_path, tarred):
    path = tmp_path / "archive"
    path.write_bytes(tarred({"a": b"x" * 5000}, mode="w:gz"))

    blob = opened(path)
    assert [member.name for member in tar_members(blob)] == ["a"]
    assert [file.name for file in tmp_path.iterdir()] == ["archive"]
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    del blob
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors - 1


def test_a_packed_bomb_is_refused_before_it_fills_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "RATIO_FREE_BYTES", 1 << 20)
    (tmp_path / "archive").write_bytes(gzip.compress(bytes(30_000_000)))

    with pytest.raises(InvalidData, match="unpacks to more than"):
        opened(tmp_path / "archive")
