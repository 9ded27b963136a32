"""IDX files in an archive: images, labels and the official split."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from models.errors import InvalidData


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
