"""Archives of text files: classes, parts, encodings, and what is no text by name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from models import formats
from models.errors import InvalidData, Unprocessable
from models.formats import limits
from models.formats.duplicates import row_keys, text_keys
from models.formats.sources import Texts
from models.formats.summaries import profile

LETTERS = {"mail/spam/2.txt": b"buy now", "mail/ham/1.txt": b"see you at noon\n", "mail/ham/3": "café".encode()}
REVIEWS = {"train/pos/1.txt": b"fine", "train/neg/1.txt": b"dull", "test/pos/1.txt": b"good", "val/neg/1.txt": b"bad"}


def test_folders_are_classes_and_names_give_the_order(read, zipped, tarred):
    for archive in (zipped(LETTERS), tarred(LETTERS), tarred(LETTERS, mode="w:gz")):
        found = read(archive, "texts")

        assert isinstance(found, Texts)
        assert found.texts == ["see you at noon\n", "café", "buy now"]
        assert (found.classes, found.labels.tolist()) == (["ham", "spam"], [0, 0, 1])
        assert (found.split, found.notes) == (None, ())


def test_train_and_test_stay_apart(read, zipped):
    found = read(zipped({f"imdb/{name}": text for name, text in REVIEWS.items()}), "texts")

    assert found.texts == ["good", "dull", "fine", "bad"]
    assert found.labels.tolist() == [1, 0, 1, 0]
    assert found.split.tolist() == [2, 0, 0, 1]


def test_files_above_the_class_folders_are_left_out_even_where_they_are_no_text(read, zipped):
    beside = {"imdb/README": b"\x00\x01", "imdb/train/urls.txt": b"x", "LICENSE": b"y", "imdb/.DS_Store": b"\x00"}

    found = read(zipped({f"imdb/{name}": text for name, text in REVIEWS.items()} | beside), "texts")

    assert len(found) == 4
    assert found.notes == ("files outside the class folders were left out: 3, such as LICENSE",)


def test_a_class_beside_train_and_test_is_named(read, zipped):
    with pytest.raises(InvalidData, match="other texts are under train/") as caught:
        read(zipped(REVIEWS | {"letters/1.txt": b"z"}), "texts")
    assert caught.value.place == "letters/1.txt"


def test_every_line_can_be_a_text_and_every_file_a_class(read, zipped):
    names = {"names/Greek.txt": b"Adamou\r\nBanos\r\n\n", "names/Irish.txt": "Dúbhshlaine\n \x0bBrady\t".encode()}

    found = read(zipped(names), "texts", texts="lines")

    assert found.texts == ["Adamou", "Banos", "Dúbhshlaine", "Brady"]
    assert (found.classes, found.labels.tolist()) == (["Greek", "Irish"], [0, 0, 1, 1])


def test_lines_in_class_folders_and_parts_belong_to_their_folder(read, zipped):
    files = {"train/a/1.txt": b"x\ny", "train/b/1.txt": b"z", "test/a/9.txt": b"w"}
    parts = {"train/a.txt": b"x\ny", "train/b.txt": b"z", "test/a.txt": b"w"}

    for archive in (files, parts):
        found = read(zipped(archive), "texts", texts="lines")
        assert (found.texts, found.labels.tolist()) == (["w", "x", "y", "z"], [0, 0, 0, 1])
        assert found.split.tolist() == [2, 0, 0, 0]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("naïve €".encode("utf-8-sig"), None),
        ("naïve €".encode("utf-16"), None),
        ("naïve €".encode("utf-32"), None),
        ("naïve €".encode("cp1252"), "files that are not UTF-8 were read as windows-1252: 1, such as a/1.txt"),
    ],
)
def test_encodings_are_found_by_mark_and_fall_back_aloud(read, zipped, content, note):
    found = read(zipped({"a/1.txt": content, "b/1.txt": b"plain"}), "texts")

    assert found.texts == ["naïve €", "plain"]
    assert found.notes == ((note,) if note else ())


def test_an_encoding_that_is_named_is_used_and_only_that(read, zipped):
    archive = zipped({"a/1.txt": "Привет".encode("koi8-r"), "b/1.txt": b"x"})

    assert read(archive, "texts", encoding="koi8-r").texts[0] == "Привет"
    with pytest.raises(InvalidData, match="no text in ascii; name its encoding") as caught:
        read(archive, "texts", encoding="ascii")
    assert caught.value.place == "a/1.txt"
    with pytest.raises(Unprocessable, match="do not fit"):
        read(archive, "texts", encoding="klingon")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "NUL characters"),
        ("plain".encode("utf-16-le"), "NUL characters"),
        (b"\xff\x9d\x81", "no text in utf-8 or windows-1252"),
        ("mark".encode("utf-16") + b"!", "no text in utf-16"),
    ],
)
def test_what_is_no_text_is_named(read, zipped, content, message):
    with pytest.raises(InvalidData, match=message) as caught:
        read(zipped({"a/1.txt": b"fine", "b/odd.bin": content}), "texts")
    assert caught.value.place == "b/odd.bin"


def test_a_huge_file_is_refused_before_it_is_read(read, zipped, tarred, monkeypatch):
    monkeypatch.setattr(limits, "MAX_TEXT_FILE_BYTES", 1000)
    for archive in (zipped, tarred):
        with pytest.raises(InvalidData, match="2,000 bytes; at most 1,000") as caught:
            read(archive({"a/1.txt": b"x", "b/huge.txt": b"y" * 2000}), "texts")
        assert caught.value.place == "b/huge.txt"


def test_too_many_texts_and_letters_are_refused(read, zipped, monkeypatch):
    archive = zipped({"a/1.txt": b"x\ny\nz", "b/1.txt": b"w"})
    monkeypatch.setattr(limits, "MAX_TEXTS", 3)
    with pytest.raises(InvalidData, match=r"b/1.txt: there are more than 3 texts"):
        read(archive, "texts", texts="lines")
    monkeypatch.setattr(limits, "MAX_TEXT_LETTERS", 4)
    with pytest.raises(InvalidData, match="more than 4 characters"):
        read(archive, "texts")


def test_too_many_classes_are_refused(read, zipped, monkeypatch):
    monkeypatch.setattr("models.formats.texts.MAX_CLASSES", 2)
    with pytest.raises(InvalidData, match="3 classes; at most 2"):
        read(zipped({f"{label}.txt": b"x" for label in "abc"}), "texts", texts="lines")


def test_a_bomb_of_blanks_is_refused(read):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.txt", b" " * (100 << 20))

    with pytest.raises(InvalidData, match="unpacks to more") as caught:
        read(buffer.getvalue(), "texts")
    assert caught.value.place == "a/1.txt"


def test_archives_without_texts_are_refused(read, zipped):
    with pytest.raises(InvalidData, match=r"no texts in class folders, such as spam/1.txt"):
        read(zipped({"README": b"x"}), "texts")
    with pytest.raises(InvalidData, match="every line of the archive is blank"):
        read(zipped({"a.txt": b"\n \n", "b.txt": b""}), "texts", texts="lines")
    with pytest.raises(InvalidData, match="neither a zip nor a tar"):
        read(b"just a letter", "texts")


def test_a_profile_tells_classes_lengths_and_oddities(read, zipped):
    files = {f"train/a/{number}.txt": b"word " * number for number in range(1, 20)}
    files |= {"train/b/1.txt": b"", "train/b/2.txt": b" \n", "test/b/3.txt": b"same", "test/b/4.txt": b"same"}

    found = profile(read(zipped(files), "texts"))

    assert (found.kind, found.rows, found.classes) == ("texts", 23, {"a": 19, "b": 4})
    assert found.split == {"train": 21, "test": 2}
    assert found.text.empty == 2
    assert (found.text.words.median, found.text.words.most, found.text.words.longest) == (8, 18, 19)
    assert found.text.characters.longest == 95
    assert found.duplicates == 1
    assert found.warnings == ("1 text repeats an earlier one of the same class", "2 texts are empty")


def test_texts_of_one_class_are_told(read, zipped):
    assert profile(read(zipped({"docs/1.txt": b"a", "docs/2.txt": b"b"}), "texts")).warnings == (
        "all texts are of one class, 'docs'",
    )


def test_texts_are_the_same_by_content_and_rows_by_class_too(read, zipped):
    found = read(zipped({"a/1.txt": b"x", "a/2.txt": b"x", "b/1.txt": b"x", "b/2.txt": b"y"}), "texts")

    assert len(set(text_keys(found.texts).tolist())) == 2
    assert len(set(row_keys(found).tolist())) == 3


def test_the_file_decides_and_not_its_name(tmp_path: Path, zipped):
    path = tmp_path / "letters.docx"
    path.write_bytes(zipped(LETTERS))

    assert len(formats.read(path, format="texts", options={})) == 3
