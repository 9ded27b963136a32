"""Archives of class folders: which class and which official part a file belongs to, by the folders it lies in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from models.errors import InvalidData

_PART_WORDS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
_PART_WORDS |= {"validation": "validation", "valid": "validation", "val": "validation"}
_CLUTTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}
_WORD = re.compile(r"[^a-z]+")

Pieces = list[str]


def pieces_of(name: str) -> Pieces:
    """The folders and the file that a name in an archive is made of."""
    return [piece for piece in name.split("/") if piece not in {"", "."}]


def is_clutter(pieces: Pieces) -> bool:
    """Whether a file is what operating systems leave behind: hidden files, thumbnails, resource forks."""
    return any(piece.startswith(".") or piece in _CLUTTER for piece in pieces)


def placed(paths: Sequence[Pieces], *, what: str, example: str) -> Iterator[tuple[str | None, str]]:
    """Official part and class of every file, by its folders; raises InvalidData naming one that lies elsewhere.

    `what` is the word for a file in messages, such as "image", and `example` a name that would be right.
    """
    root = _root_depth(paths)
    with_parts = any(_part(path[root:]) for path in paths)
    for path in paths:
        folders = path[root:-1]
        part = _part(path[root:])
        if with_parts and part is None:
            raise InvalidData(f"other {what}s are under train/ or test/ and this one is not", place="/".join(path))
        if not folders:
            article = "an" if what[0] in "aeiou" else "a"
            raise InvalidData(
                f"{article} {what} lies in the folder of its class, such as {example}", place="/".join(path)
            )
        yield part, folders[0] if part is None else folders[1]


def strays(paths: Sequence[Pieces]) -> list[bool]:
    """Which files lie above the class folders: `aclImdb/README` and `aclImdb/train/urls.txt` in `aclImdb/train/pos/…`.

    Only for files that say nothing of their kind by their names; where all lie in one folder, that is a class.
    """
    root = 0
    while any(len(path) > root + 2 for path in paths):
        folders = {path[root] for path in paths if len(path) > root + 1}
        if len(folders) > 1 or next(iter(folders)).lower() in _PART_WORDS:
            break
        root += 1
    with_parts = any(_part(path[root:]) for path in paths)
    return [_is_above(path[root:], with_parts=with_parts) for path in paths]


def _is_above(pieces: Pieces, *, with_parts: bool) -> bool:
    """Whether a file lies beside the class folders, given its name below what all share."""
    return len(pieces) < 2 or (with_parts and len(pieces) == 2 and pieces[0].lower() in _PART_WORDS)


def part_of(pieces: Pieces) -> str | None:
    """The official part that the first word of a shard's or folder's name says: train for `train-0001`."""
    return _PART_WORDS.get(_WORD.split(pieces[0].lower())[0]) if pieces else None


def _part(pieces: Pieces) -> str | None:
    """The official part that `train/cats/1.png` belongs to; None for `cats/1.png`."""
    return _PART_WORDS.get(pieces[0].lower()) if len(pieces) > 2 else None


def _root_depth(paths: Sequence[Pieces]) -> int:
    """How many folders all files share above the class folders: one for `photos/cats/1.png` and `photos/dogs/2.png`."""
    depth = 0
    while all(len(path) > depth + 2 for path in paths) and len({path[depth] for path in paths}) == 1:
        if paths[0][depth].lower() in _PART_WORDS:
            break
        depth += 1
    return depth
