"""Tars inside a tar: shards that are classes, shards that hold classes, shards of pairs of image and answer."""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pytest

from models.errors import InvalidData
from models.formats import image_profiles
from models.formats.summaries import profile


def grey(value: int) -> np.ndarray:
    return np.full((6, 4), value, np.uint8)


def first_pixels(images) -> dict[str, int]:
    return {images.name(row): int(images.decode_whole(row)[0, 0, 0]) for row in range(len(images))}


def test_a_tar_per_class_is_read_as_class_folders(read, tarred, png):
    shards = {f"n0{n}.tar": tarred({f"n0{n}_{i}.png": png(grey(10 * n + i)) for i in (1, 2)}) for n in (2, 1)}

    images = read(tarred(shards), "images")

    assert images.classes == ["n01", "n02"]
    assert images.labels.tolist() == [0, 0, 1, 1]
    assert first_pixels(images) == {
        "n01/n01_1.png": 11,
        "n01/n01_2.png": 12,
        "n02/n02_1.png": 21,
        "n02/n02_2.png": 22,
    }


def test_shards_that_hold_class_folders_are_no_classes_and_may_name_the_part(read, tarred, png):
    shards = {
        "train-000.tar": tarred({"cats/1.png": png(grey(1)), "dogs/2.png": png(grey(2))}),
        "train-001.tar": tarred({"cats/3.png": png(grey(3))}),
        "val-000.tar": tarred({"dogs/4.png": png(grey(4))}),
    }

    images = read(tarred(shards), "images")

    assert images.classes == ["cats", "dogs"]
    assert images.labels.tolist() == [0, 1, 0, 1]
    assert images.split.tolist() == [0, 0, 0, 1]
    assert profile(images).split == {"train": 3, "validation": 1}


@pytest.mark.parametrize("answers_first", [True, False])
def test_an_image_with_its_class_in_a_file_beside_it(read, tarred, png, answers_first):
    def sample(key: str, value: int, label: str) -> list[tuple[str, bytes]]:
        pair = [(f"{key}.png", png(grey(value))), (f"{key}.cls", label.encode())]
        return pair[::-1] if answers_first else pair

    shards = {
        "train-0.tar": tarred(dict(sample("000", 7, "10") + sample("001", 8, "9\n"))),
        "test-0.tar": tarred(dict(sample("002", 9, "10"))),
    }

    images = read(tarred(shards), "images")

    assert images.classes == ["9", "10"]
    assert {images.name(row): images.classes[images.labels[row]] for row in range(3)} == {
        "test-0/002.png": "10",
        "train-0/000.png": "10",
        "train-0/001.png": "9",
    }
    assert images.split.tolist() == [2, 0, 0]


def test_an_image_without_its_answer_and_an_answer_that_is_none_are_named(read, tarred, png):
    pair = {"0.png": png(grey(1)), "0.cls": b"cat"}
    with pytest.raises(InvalidData, match=r"^1.png: other images have a .cls file beside them"):
        read(tarred(pair | {"1.png": png(grey(2))}), "images")
    with pytest.raises(InvalidData, match=r"^1.cls: this is no name of a class"):
        read(tarred(pair | {"1.png": png(grey(2)), "1.cls": b" "}), "images")
    with pytest.raises(InvalidData, match=r"^1.cls: this is too long"):
        read(tarred(pair | {"1.png": png(grey(2)), "1.cls": b"x" * 300}), "images")


def test_a_damaged_shard_and_a_name_that_leads_out_of_one_are_named(read, tarred, png):
    shard = tarred({"cats/1.png": png(grey(1)), "dogs/2.png": png(grey(2))})
    with pytest.raises(InvalidData, match=r"damaged"):
        read(tarred({"a.tar": shard, "b.tar": shard[:700]}), "images")
    with pytest.raises(InvalidData, match="leads out"):
        read(tarred({"a.tar": shard, "b.tar": tarred({"../x/1.png": png(grey(1))})}), "images")


def test_a_name_that_comes_twice_is_named(read, png):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for value in (1, 2):
            member, content = tarfile.TarInfo("a/1.png"), png(grey(value))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))

    with pytest.raises(InvalidData, match=r"^a/1.png: this name comes twice"):
        read(buffer.getvalue(), "images")


def test_of_many_images_some_are_decoded_and_all_are_counted(read, tarred, png, monkeypatch):
    monkeypatch.setattr(image_profiles, "NUM_DECODED", 5)
    monkeypatch.setattr(image_profiles, "MAX_COMPARED", 19)
    files = {f"{'ab'[n % 2]}/{n:02}.png": png(grey(n)) for n in range(20)}
    files["a/18.png"] = b"damaged, and between those that are looked at"

    found = profile(read(tarred(files), "images"))

    assert (found.rows, found.classes) == (20, {"a": 10, "b": 10})
    assert found.warnings == (
        "5 of 20 images were decoded, evenly spaced; they stand for the rest",
        "so many files were not compared with each other; a job that trains on them does it",
    )


def test_large_images_are_decoded_as_long_as_there_is_an_allowance(read, tarred, png, monkeypatch):
    monkeypatch.setattr(image_profiles, "MAX_DECODED_PIXELS", 6 * 4 * 3)

    found = profile(read(tarred({f"{'ab'[n % 2]}/{n}.png": png(grey(n)) for n in range(9)}), "images"))

    assert "4 of 9 images were decoded" in found.warnings[0]
