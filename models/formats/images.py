"""A zip or tar of images, one folder per class: indexed, not read.

A tar may hold tars, as shards of a large data set: then either each shard is a class, as in the training archive of
ImageNet, or each holds class folders, or each image has a file beside it that says its class, `0001.jpg` and `0001.cls`
(WebDataset). A tar that is packed as a whole cannot be read by offset; it is unpacked once into a nameless file beside
it, which is gone with its last reader, whatever ends that.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, cast

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData
from models.formats import limits
from models.formats.archives import is_packed, open_unpacked
from models.formats.folders import Pieces, is_clutter, part_of, pieces_of, placed
from models.formats.image_files import ImageFiles
from models.formats.labels import in_order
from models.formats.members import Blob, Member, Members
from models.formats.options import ImagesOptions
from models.formats.sources import PARTS
from models.formats.tars import is_tar, tar_members
from models.formats.zips import is_zip, zip_members

_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
_ANSWER: Final = ".cls"
_MAX_ANSWER_BYTES: Final = 256
_COPY_BYTES: Final = 1 << 20
_UNKNOWN: Final = -1


def read_images(path: Path, options: ImagesOptions) -> ImageFiles:
    """The images of the archive in the order of their names; raises InvalidData naming the file."""
    blob = opened(path)
    index = _Index(blob)
    for member, shard in _files(blob):
        index.add(member, shard=shard)
    return index.images(max_side=options.max_side)


def opened(path: Path) -> Blob:
    """The archive as a file to be read by offset: itself, or what it unpacks to; raises InvalidData."""
    if not is_packed(path):
        return Blob.open(path)
    with _nameless(path.parent) as file, open_unpacked(path, most_bytes=limits.MAX_SPOOLED_BYTES) as packed:
        shutil.copyfileobj(packed, file, _COPY_BYTES)
        file.flush()
        return Blob(os.dup(file.fileno()))


def _nameless(folder: Path) -> IO[bytes]:
    """A new file that no folder lists, on the disk that holds the data if that may be written to."""
    try:
        return cast("IO[bytes]", tempfile.TemporaryFile(dir=folder))
    except PermissionError:
        return cast("IO[bytes]", tempfile.TemporaryFile())


def _files(blob: Blob) -> Iterator[tuple[Member, str]]:
    """Every file of the archive, and the shard that it lies in, if it lies in one."""
    if is_zip(blob):
        yield from ((member, "") for member in zip_members(blob))
        return
    if not is_tar(blob):
        raise InvalidData("it is neither a zip nor a tar archive, or it is damaged")
    for member in tar_members(blob):
        if member.name.lower().endswith(".tar") and not is_clutter(pieces_of(member.name)):
            shard = member.name[:-4] + "/"
            for inner in tar_members(blob, start=member.offset, end=member.offset + member.num_bytes, within=shard):
                yield inner, shard
        else:
            yield member, ""


class _Index:
    """The images of an archive as they are found: where they lie, and all that their names say."""

    def __init__(self, blob: Blob) -> None:
        self._members = Members(blob)
        self._folders: dict[tuple[str, str], int] = {}
        self._examples: list[Pieces] = []
        self._folder_of = array("I")
        self._answers: dict[str, int] = {}
        self._answer_of = array("i")
        self._pending: tuple[str, int] = ("", _UNKNOWN)
        self._stem = ""
        self._num_left_out = 0
        self._left_out = ""

    def add(self, member: Member, *, shard: str) -> None:
        """Note a file: an image, the answer beside one, or nothing of interest."""
        pieces = pieces_of(member.name)
        if not pieces or is_clutter(pieces):
            return
        file = pieces[-1].lower()
        if file.endswith(_ANSWER):
            self._answer(member)
        elif file[file.rfind(".") :] in _SUFFIXES and "." in file:
            self._image(member, pieces, shard)
        else:
            self._num_left_out += 1
            self._left_out = self._left_out or member.name

    def images(self, *, max_side: int) -> ImageFiles:
        """What was found, in the order of the names; raises InvalidData where an image has no class, or two."""
        if not len(self._members):
            raise InvalidData("the archive holds no images in class folders, such as cats/1.png")
        parts, labels, classes = self._placed()
        order = self._order()
        official = len(set(parts.tolist())) > 1 and PARTS.index("train") in parts
        return ImageFiles(
            self._members, order, labels[order], classes, max_side, parts[order] if official else None, self._notes()
        )

    def _image(self, member: Member, pieces: Pieces, shard: str) -> None:
        key = (shard, "/".join(pieces[:-1]))
        if key not in self._folders:
            self._folders[key] = len(self._examples)
            self._examples.append(pieces)
        self._members.add(member)
        self._folder_of.append(self._folders[key])
        self._stem = _stem(member.name)
        stem, answer = self._pending
        self._answer_of.append(answer if stem == self._stem else _UNKNOWN)

    def _answer(self, member: Member) -> None:
        """The class of the image of the same name, which lies just before it in the archive or just behind."""
        if member.num_bytes > _MAX_ANSWER_BYTES:
            raise InvalidData("this is too long for the name of a class", place=member.name)
        alone = Members(self._members.blob)
        alone.add(member)
        label = alone.read(0).decode(errors="replace").strip()
        if not label or not label.isprintable():
            raise InvalidData("this is no name of a class", place=member.name)
        answer = self._answers.setdefault(label, len(self._answers))
        stem = _stem(member.name)
        self._pending = (stem, answer)
        if stem == self._stem:
            self._answer_of[-1] = answer

    def _placed(self) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64], list[str]]:
        """Part (-1 for none) and label of every image, and the classes."""
        folder_of = np.array(self._folder_of, np.int64)
        if self._answers:
            named: tuple[str | None, ...] = tuple(
                part_of(pieces_of(shard or folder)) for shard, folder in self._folders
            )
            labels, classes = self._answered()
        else:
            named, words = zip(*placed(self._folder_paths(), what="image", example="cats/1.png"), strict=True)
            classes = in_order(set(words))
            codes = {word: code for code, word in enumerate(classes)}
            labels = np.array([codes[word] for word in words], np.int64)[folder_of]
        parts = np.array([_UNKNOWN if part is None else PARTS.index(part) for part in named], np.int8)
        return parts[folder_of], labels, classes

    def _answered(self) -> tuple[npt.NDArray[np.int64], list[str]]:
        answers = np.array(self._answer_of, np.int64)
        if len(without := np.flatnonzero(answers == _UNKNOWN)):
            message = f"other images have a {_ANSWER} file beside them and this one has none"
            raise InvalidData(message, place=self._members.name(int(without[0])))
        classes = in_order(set(self._answers))
        codes = np.empty(len(classes), np.int64)
        codes[[self._answers[name] for name in classes]] = np.arange(len(classes))
        return codes[answers], classes

    def _folder_paths(self) -> list[Pieces]:
        """One path of every folder. Shards that hold folders are none themselves, but may say the part."""
        depths = [len(pieces_of(shard)) for shard, _ in self._folders]
        if not all(len(path) > depth + 1 for path, depth in zip(self._examples, depths, strict=True) if depth):
            return self._examples
        paths = []
        for (shard, _), path, depth in zip(self._folders, self._examples, depths, strict=True):
            part = part_of(pieces_of(shard))
            paths.append([*([part] if part else []), *path[depth:]])
        return paths

    def _order(self) -> npt.NDArray[np.int64]:
        """The images by folder and name; raises InvalidData where a name comes twice."""
        members = self._members
        names = np.array(["\0".join(pieces_of(members.name(number))).encode() for number in range(len(members))])
        order = np.argsort(names, kind="stable")
        ordered = names[order]
        if len(twice := np.flatnonzero(ordered[1:] == ordered[:-1])):
            raise InvalidData("this name comes twice in the archive", place=members.name(int(order[twice[0]])))
        return order

    def _notes(self) -> tuple[str, ...]:
        if not self._num_left_out:
            return ()
        return (f"files that are no images were left out: {self._num_left_out}, such as {self._left_out}",)


def _stem(name: str) -> str:
    """A name up to the first dot of its file, which is what files of one sample share."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]
