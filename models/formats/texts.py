"""A zip or tar of text files in one folder per class: a file is one text, or each of its lines is."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.errors import InvalidData
from models.formats import limits
from models.formats.archives import entries
from models.formats.folders import Pieces, is_clutter, pieces_of, placed, strays
from models.formats.labels import MAX_CLASSES, in_order
from models.formats.options import TextsOptions
from models.formats.sources import PARTS, Texts

FALLBACK = "windows-1252"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class _File:
    """One file: its name, the pieces of that, and its texts or why it has none."""

    name: str
    pieces: Pieces
    texts: list[str]
    fell_back: bool = False
    refused: InvalidData | None = None


def read_texts(path: Path, options: TextsOptions) -> Texts:
    """The texts of the archive in the order of their names; raises InvalidData naming the file.

    A file that lies above the class folders, such as a README, is left out and noted. Where each line is a text, blank
    lines are none, and a file that lies in no class folder is a class of the name it has before the dot.
    """
    found = sorted(_files(path, options), key=lambda file: file.pieces)
    is_above = strays([file.pieces for file in found])
    files = [file for file, above in zip(found, is_above, strict=True) if not above]
    if not files:
        example = "names/Arabic.txt" if options.texts == "lines" else "spam/1.txt"
        raise InvalidData(f"the archive holds no texts in class folders, such as {example}")
    if refused := next((file.refused for file in files if file.refused), None):
        raise refused
    parts, labels = zip(*placed([file.pieces for file in files], what="text", example="spam/1.txt"), strict=True)
    classes = in_order(set(labels))
    if len(classes) > MAX_CLASSES:
        raise InvalidData(f"there are {len(classes):,} classes; at most {MAX_CLASSES:,} are read")
    codes = {label: code for code, label in enumerate(classes)}
    sizes = np.array([len(file.texts) for file in files])
    if not sizes.any():
        raise InvalidData("every line of the archive is blank")
    places = [PARTS.index(part) if part else -1 for part in parts]
    official = len(set(parts)) > 1 and "train" in parts
    return Texts(
        [text for file in files for text in file.texts],
        np.repeat(np.array([codes[label] for label in labels], np.int64), sizes),
        classes,
        np.repeat(np.array(places, np.int8), sizes) if official else None,
        tuple(_notes(files, above=[file.name for file, above in zip(found, is_above, strict=True) if above])),
    )


def _files(path: Path, options: TextsOptions) -> Iterator[_File]:
    """Every file that is no clutter; raises InvalidData where there is too much of them."""
    num_texts = num_letters = 0
    for name, content in entries(path, max_file_bytes=limits.MAX_TEXT_FILE_BYTES):
        pieces = pieces_of(name)
        if is_clutter(pieces):
            continue
        file = _file(name, pieces, content, options)
        num_texts, num_letters = num_texts + len(file.texts), num_letters + sum(map(len, file.texts))
        if num_letters > limits.MAX_TEXT_LETTERS:
            raise InvalidData(f"the texts have more than {limits.MAX_TEXT_LETTERS:,} characters", place=name)
        if num_texts > limits.MAX_TEXTS:
            raise InvalidData(f"there are more than {limits.MAX_TEXTS:,} texts", place=name)
        yield file


def _file(name: str, pieces: Pieces, content: bytes, options: TextsOptions) -> _File:
    by_line = options.texts == "lines"
    if by_line:  # the file's name is the innermost folder: names/Arabic.txt is names/Arabic/*
        pieces = [*pieces[:-1], Path(pieces[-1]).stem, pieces[-1]]
    try:
        text, encoding = decoded(content, encoding=options.encoding, place=name)
    except InvalidData as refused:  # no matter where the file lies above the class folders
        return _File(name, pieces, [], refused=refused)
    fell_back = options.encoding == "auto" and encoding == FALLBACK
    return _File(name, pieces, list(_lines(text)) if by_line else [text], fell_back)


def _lines(text: str) -> Iterator[str]:
    """The lines that are not blank, without blanks around them; CR and LF end a line and nothing else does."""
    for line in text.replace("\r", "\n").split("\n"):
        if stripped := line.strip():
            yield stripped


def _notes(files: Sequence[_File], *, above: Sequence[str]) -> Iterator[str]:
    if above:
        yield f"files outside the class folders were left out: {len(above)}, such as {above[0]}"
    if fell_back := [file.name for file in files if file.fell_back]:
        yield f"files that are not UTF-8 were read as {FALLBACK}: {len(fell_back)}, such as {fell_back[0]}"


def decoded(content: bytes, *, encoding: str, place: str) -> tuple[str, str]:
    """A file's text and the encoding it was read in; raises InvalidData naming `place` for what is no text.

    `auto` goes by the byte order mark, takes UTF-8 where there is none, and Windows-1252 for what is not UTF-8.
    """
    tried = _encodings(content) if encoding == "auto" else (encoding,)
    for name in tried:
        try:
            text = content.decode(name)
        except ValueError:
            continue
        if "\0" in text:
            raise InvalidData("it is no text, or its encoding has to be named: it holds NUL characters", place=place)
        return text.removeprefix("\ufeff"), name
    raise InvalidData(f"it is no text in {' or '.join(tried)}; name its encoding, or leave the file out", place=place)


def _encodings(content: bytes) -> tuple[str, ...]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return (encoding,)
    return ("utf-8", FALLBACK)
