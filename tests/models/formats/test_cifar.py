"""CIFAR-10's binary records."""

import numpy as np
import pytest

from models.errors import InvalidData
from tests.fixtures.public_sets import cifar_record, tar_of

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
RECORDS = [cifar_record(label, PIXELS[row]) for row, label in enumerate((1, 0, 1))]


def test_records_become_images_in_the_order_of_the_files(read):
    files = {"x/test_batch.bin": RECORDS[2], "x/data_batch_1.bin": RECORDS[0] + RECORDS[1]}

    images = read(tar_of({**files, "x/batches.meta.txt": b"cat\ndog\n", "x/readme.html": b"<html>"}), "cifar")

    assert (images.pixels == PIXELS).all()
    assert images.labels.tolist() == [1, 0, 1]
    assert images.classes == ["cat", "dog"]
    assert images.split.tolist() == [0, 0, 2]


def test_without_names_classes_are_numbers_and_without_a_test_there_is_no_split(read):
    images = read(tar_of({"data_batch_1.bin": RECORDS[0] + RECORDS[1]}), "cifar")

    assert (images.classes, images.split) == (["0", "1"], None)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"readme.html": b""}, "data_batch_1.bin"),
        ({"data_batch_1.bin": RECORDS[0][:-1]}, "data_batch_1.bin: it has 3,072 bytes, no multiple of 3,073"),
        ({"data_batch_1.bin": RECORDS[0], "batches.meta.txt": b"cat"}, "1 classes for labels up to 1"),
    ],
)
def test_what_is_no_such_archive_is_named(read, files, message):
    with pytest.raises(InvalidData, match=message):
        read(tar_of(files), "cifar")
