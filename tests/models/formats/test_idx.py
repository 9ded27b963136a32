"""IDX files in an archive: images, labels and the official split."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest

from models.errors import InvalidData
from models.formats import limits
from models.formats.image_files import ImageFiles
from models.formats.summaries import profile


def idx(array: np.ndarray, *, kind: int = 8) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


def part(name: str, num: int, *, size: int = 4, packed: bool = False) -> dict[str, bytes]:
    pixels = np.arange(num * size * size, dtype=np.uint8).reshape(num, size, size)
    files = {f"{name}-images-idx3-ubyte": idx(pixels), f"{name}-labels-idx1-ubyte": idx(np.arange(num, dtype=np.uint8))}
    return {f"{name}.gz": gzip.compress(content) for name, content in files.items()} if packed else files


@pytest.mark.parametrize("packed", [False, True])
def test_train_and_t10k_are_the_official_split(read, zipped, packed):
    images = read(zipped(part("t10k", 2, packed=packed) | part("train", 3, packed=packed)), "idx")

    assert images.pixels.shape == (5, 4, 4, 1)
    assert images.split.tolist() == [2, 2, 0, 0, 0]
    assert images.labels.tolist() == [0, 1, 0, 1, 2]
    assert images.classes == ["0", "1", "2"]
    assert images.pixels[1, 0, :, 0].tolist() == [16, 17, 18, 19]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar_of_one_part_is_read_too(read, tarred, mode):
    images = read(tarred({f"./mnist/{name}": content for name, content in part("train", 3).items()}, mode=mode), "idx")

    assert len(images) == 3
    assert images.split is None


@pytest.mark.parametrize(
    ("files", "place", "message"),
    [
        ({"readme.txt": b"x"}, None, "no files named like"),
        ({"train-images-idx3-ubyte": idx(np.zeros((2, 3, 3), np.uint8))}, "part 'train'", "only the images"),
        (
            part("train", 3) | {"train-labels-idx1-ubyte": idx(np.zeros(2, np.uint8))},
            "part 'train'",
            "3 images and 2 labels",
        ),
        (part("train", 3) | part("t10k", 3, size=5), "the archive", "differ in size"),
        (
            part("train", 3) | {"train-images-idx3-ubyte": idx(np.zeros((3, 4, 4), np.uint8))[:-1]},
            "train-images-idx3-ubyte",
            "announces",
        ),
        (
            part("train", 3) | {"train-images-idx3-ubyte": struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 2**31)},
            "train-images-idx3-ubyte",
            "announces",
        ),
        (
            part("train", 3) | {"train-images-idx3-ubyte": idx(np.zeros((3, 4, 4), ">f4"), kind=13)},
            "train-images-idx3-ubyte",
            "8 bits",
        ),
        (part("train", 3) | {"train-labels-idx1-ubyte": b"\0\0"}, "train-labels-idx1-ubyte", "no IDX file"),
        (
            part("train", 3) | {"x/train-images-idx3-ubyte.gz": b"\x1f\x8b\x08broken"},
            "x/train-images-idx3-ubyte.gz",
            "gzip",
        ),
        (
            part("train", 3) | {"x/train-images-idx3-ubyte": idx(np.zeros((3, 4, 4), np.uint8))},
            "x/train-images-idx3-ubyte",
            "twice",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_file(read, zipped, files, place, message):
    with pytest.raises(InvalidData, match=message) as caught:
        read(zipped(files), "idx")
    assert caught.value.place == place


@pytest.fixture
def nothing_is_held(monkeypatch):
    monkeypatch.setattr(limits, "MAX_HELD_BYTES", 100)


def stored(files: dict[str, bytes]) -> bytes:
    """A zip that packs nothing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def whole(read, content, monkeypatch):
    """The same archive, held in memory."""
    monkeypatch.setattr(limits, "MAX_HELD_BYTES", 1 << 30)
    return read(content, "idx")


@pytest.mark.usefixtures("nothing_is_held")
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_images_that_are_too_many_for_memory_are_read_from_where_they_lie(read, tarred, kind, monkeypatch):
    files = part("t10k", 3) | part("train", 6)
    content = stored(files) if kind == "zip" else tarred(files, mode="w:gz" if kind == "tar.gz" else "w")

    images = read(content, "idx")
    held = whole(read, content, monkeypatch)

    assert isinstance(images, ImageFiles)
    assert (np.stack([images.decode_whole(row) for row in range(9)]) == held.pixels).all()
    assert (images.labels == held.labels).all()
    assert (images.split == held.split).all()
    assert images.classes == held.classes
    assert images.name(4) == "train-images-idx3-ubyte[1]"
    assert profile(images) == profile(held)


@pytest.mark.usefixtures("nothing_is_held")
def test_files_packed_one_by_one_are_read_as_a_whole(read, tarred):
    assert not isinstance(read(tarred(part("train", 6, packed=True)), "idx"), ImageFiles)


@pytest.mark.usefixtures("nothing_is_held")
def test_labels_of_large_files_may_be_packed(read):
    files = part("train", 6)
    labels = files.pop("train-labels-idx1-ubyte")

    images = read(stored({**files, "train-labels-idx1-ubyte.gz": gzip.compress(labels)}), "idx")

    assert isinstance(images, ImageFiles)
    assert images.labels.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.usefixtures("nothing_is_held")
@pytest.mark.parametrize(
    ("files", "message"),
    [
        (part("train", 3) | {"train-labels-idx1-ubyte": idx(np.arange(2, dtype=np.uint8))}, "3 images and 2 labels"),
        (part("train", 3) | {"t10k-images-idx3-ubyte": idx(np.ones((2, 4, 4), np.uint8))}, "2 images and 0 labels"),
        (part("train", 3) | part("t10k", 3, size=5), "differ in size"),
        (
            {"train-images-idx3-ubyte": idx(np.ones((9, 4, 4), np.uint8))[:-1]},
            r"announces \[9, 4, 4\] values and holds 143",
        ),
        ({"train-images-idx3-ubyte": idx(np.ones((9, 4, 4), np.uint8), kind=9)}, "not of 8 bits"),
        ({"train-images-idx3-ubyte": b"no" * 60}, "no IDX file of 3 axes"),
    ],
)
def test_large_files_that_are_wrong_are_named(read, files, message):
    with pytest.raises(InvalidData, match=message):
        read(stored(files), "idx")
