"""Archives from strangers: bombs, links, paths that lead out, and what is read in spite of them."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from models.errors import InvalidData
from models.formats import archives, limits


@pytest.fixture
def entries(tmp_path: Path):
    def listing(content: bytes) -> dict[str, bytes]:
        path = tmp_path / "archive"
        path.write_bytes(content)
        return dict(archives.entries(path))

    return listing


def zip_with(info: zipfile.ZipInfo, content: bytes = b"x") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, content)
    return buffer.getvalue()


def tar_with(member: tarfile.TarInfo, content: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tars_in_any_packing_are_listed(entries, tarred, mode):
    assert entries(tarred({"a/b": b"1", "c": b"2"}, mode=mode)) == {"a/b": b"1", "c": b"2"}


def test_zips_are_listed(entries, zipped):
    assert entries(zipped({"a/": b"", "a/b": b"1", "c": b""})) == {"a/b": b"1", "c": b""}


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/passwd", "..", "a\\..\\evil", "C:/evil", "a\nb", "a\x1b[31m", "x" * 2000]
)
def test_names_that_lead_out_or_deceive_are_refused(entries, tarred, name):
    with pytest.raises(InvalidData, match="name"):
        entries(tarred({name: b"x"}))
    with pytest.raises(InvalidData, match="name"):
        entries(zip_with(zipfile.ZipInfo(name)))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(entries, kind):
    member = tarfile.TarInfo("link")
    member.type, member.linkname = kind, "/etc/passwd"

    with pytest.raises(InvalidData, match="links") as caught:
        entries(tar_with(member))
    assert caught.value.place == "link"


def test_links_in_a_zip_are_refused(entries):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16

    with pytest.raises(InvalidData, match="links"):
        entries(zip_with(info, b"/etc/passwd"))


def test_a_name_that_comes_twice_is_refused(entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", b"2")

    with pytest.raises(InvalidData, match="twice"):
        entries(buffer.getvalue())


def test_an_encrypted_entry_is_refused(entries, zipped):
    content = bytearray(zipped({"a": b"x"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(InvalidData, match="encrypted"):
        entries(bytes(content))


def test_a_zip_bomb_is_refused_by_what_it_declares(entries, zipped, monkeypatch):
    monkeypatch.setattr(limits, "RATIO_FREE_BYTES", 1 << 20)

    with pytest.raises(InvalidData, match="unpacks to more than") as caught:
        entries(zipped({f"{number}": b"\0" * 1_000_000 for number in range(3)}))
    assert caught.value.place == "1"


def test_a_zip_that_declares_less_than_it_holds_is_refused(entries, zipped):
    content = zipped({"a": b"\0" * 100_000})
    lie = content.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))

    with pytest.raises(InvalidData, match="damaged"):
        entries(lie)


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_tar_bomb_is_refused_by_what_it_declares(entries, tarred, monkeypatch, mode):
    monkeypatch.setattr(limits, "RATIO_FREE_BYTES", 1 << 20)

    with pytest.raises(InvalidData, match="unpacks to more than"):
        entries(tarred({"a": b"\0" * 20_000_000}, mode=mode))


def test_a_tar_bomb_hidden_in_a_header_is_refused(entries, monkeypatch):
    monkeypatch.setattr(limits, "RATIO_FREE_BYTES", 1 << 20)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("a")
        member.pax_headers = {"comment": "x" * 20_000_000}
        archive.addfile(member)

    with pytest.raises(InvalidData, match="unpacks to more than"):
        entries(buffer.getvalue())


def test_too_many_entries_are_refused(entries, zipped, tarred, monkeypatch):
    monkeypatch.setattr(limits, "MAX_ENTRIES", 2)
    files = {f"{number}": b"" for number in range(3)}

    for content in (zipped(files), tarred(files)):
        with pytest.raises(InvalidData, match="entries"):
            entries(content)


@pytest.mark.parametrize("packing", ["zipped", "tarred"])
def test_a_cut_archive_is_refused(entries, request, packing):
    content = request.getfixturevalue(packing)({"a": b"x" * 5000, "b": b"y" * 5000})

    with pytest.raises(InvalidData, match="damaged"):
        entries(content[:3000] if packing == "tarred" else content[:-30])


def test_nothing_is_written_to_disk(entries, tarred, tmp_path):
    entries(tarred({"a/b": b"1"}))

    assert [path.name for path in tmp_path.rglob("*")] == ["archive"]
