"""Archives of class folders: pixels, classes, parts, and corrupt images by name."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from models.errors import InvalidData
from models.formats import limits
from models.formats.decoding import Shape
from models.formats.summaries import profile


def grey(value: int, *, height: int = 6, width: int = 4) -> np.ndarray:
    return np.full((height, width), value, np.uint8)


def colour(*rgb: int) -> np.ndarray:
    return np.broadcast_to(np.array(rgb, np.uint8), (6, 4, 3))


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels_of(images) -> list[np.ndarray]:
    """Every image in its own size."""
    return [images.decode_whole(row) for row in range(len(images))]


@pytest.fixture
def cats_and_dogs(png):
    return {"pets/dogs/2.png": png(grey(20)), "pets/cats/1.png": png(grey(10)), "pets/cats/3.png": png(grey(30))}


def test_folders_are_classes_and_names_give_the_order(read, zipped, tarred, cats_and_dogs):
    for content in (zipped(cats_and_dogs), tarred(cats_and_dogs), tarred(cats_and_dogs, mode="w:gz")):
        images = read(content, "images")

        assert images.classes == ["cats", "dogs"]
        assert images.labels.tolist() == [0, 0, 1]
        assert [pixels.shape for pixels in pixels_of(images)] == [(6, 4, 1)] * 3
        assert [pixels[0, 0, 0] for pixels in pixels_of(images)] == [10, 30, 20]


def test_numbered_classes_are_in_order_of_size(read, zipped, png):
    assert read(zipped({f"{n}/1.png": png(grey(1)) for n in (10, 9, 2)}), "images").classes == ["2", "9", "10"]


def test_train_and_test_folders_are_the_official_split(read, zipped, png):
    files = {"set/train/a/1.png": grey(1), "set/train/b/1.png": grey(2), "set/test/a/2.png": grey(3)}

    images = read(zipped({name: png(pixels) for name, pixels in files.items()}), "images")

    assert images.classes == ["a", "b"]
    assert images.split.tolist() == [2, 0, 0]
    assert images.labels.tolist() == [0, 0, 1]


def test_every_kind_of_image_becomes_eight_bits_grey_or_colour(read, zipped, png):
    deep = Image.fromarray(np.full((6, 4), 65535, np.uint16))
    files = {
        "a/1.png": png(colour(255, 0, 0)),
        "a/2.jpg": png(colour(255, 0, 0), kind="JPEG", quality=95),
        "a/3.gif": saved(Image.fromarray(grey(7)).convert("P"), "GIF"),
        "a/4.png": saved(Image.fromarray(grey(7)).convert("RGBA")),
        "a/5.png": saved(deep),
        "a/6.bmp": saved(Image.fromarray(grey(200)).convert("1"), "BMP"),
        "a/7.webp": png(colour(0, 0, 255), kind="WEBP", lossless=True),
        "b/8.tiff": png(grey(9), kind="TIFF"),
    }

    images = read(zipped(files), "images")
    pixels = np.stack([images.decode(row, Shape(6, 4, 3)) for row in range(len(images))])

    assert pixels.shape == (8, 6, 4, 3)
    assert pixels[0, 0, 0].tolist() == [255, 0, 0]
    assert abs(pixels[1, 3, 2].astype(int) - [255, 0, 0]).max() < 10
    assert pixels[2:4, 0, 0].tolist() == [[7, 7, 7], [7, 7, 7]]
    assert pixels[4, 0, 0].tolist() == [255, 255, 255]
    assert pixels[7, 0, 0].tolist() == [9, 9, 9]
    assert [image.shape[2] for image in pixels_of(images)] == [3, 3, 3, 3, 1, 1, 3, 1]


def test_images_of_different_sizes_stay_apart_and_large_ones_are_shrunk(read, zipped, png):
    files = {"a/1.png": png(grey(1)), "b/1.png": png(grey(2, height=64, width=32))}

    images = read(zipped(files), "images", max_side=16)

    assert [image.shape for image in pixels_of(images)] == [(6, 4, 1), (16, 8, 1)]


def test_photographs_are_turned_upright(read, zipped):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    photo = saved(Image.fromarray(colour(9, 9, 9)), "JPEG", exif=exif)

    (pixels,) = pixels_of(read(zipped({"a/1.jpg": photo}), "images"))

    assert pixels.shape == (4, 6, 3)


def test_clutter_is_passed_over_and_other_files_are_noted(read, zipped, cats_and_dogs):
    clutter = {"__MACOSX/pets/cats/._1.png": b"x", "pets/cats/Thumbs.db": b"x", "pets/.DS_Store": b"x"}

    images = read(zipped(cats_and_dogs | clutter | {"pets/README.md": b"hello"}), "images")

    assert len(images) == 3
    assert images.notes == ("files that are no images were left out: 1, such as pets/README.md",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cats/bad.png", b"no image at all", "no image that can be read"),
        ("cats/bad.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n", "no image that can be read"),
        ("lonely.png", None, "folder of its class"),
        ("cats/half.png", "half", "damaged"),
        ("cats/flipped.png", "flipped", "damaged"),
    ],
)
def test_a_bad_image_is_named(read, zipped, png, name, content, message):
    good = png(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))
    flipped = good[:200] + bytes([good[200] ^ 0xFF]) + good[201:]
    bad = {"half": good[: len(good) // 2], "flipped": flipped, None: good}.get(content, content)

    with pytest.raises(InvalidData, match=message) as caught:
        profile(read(zipped({"cats/good.png": good, "dogs/good.png": good, name: bad}), "images"))
    assert caught.value.place == name


def test_an_image_that_claims_a_billion_pixels_is_refused_unseen(read, zipped, png):
    bomb = bytearray(png(np.zeros((8, 8), np.uint8)))
    bomb[16:24] = (50_000).to_bytes(4, "big") * 2  # width and height in the header
    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")

    with pytest.raises(InvalidData, match="pixels") as caught:
        profile(read(zipped({"a/1.png": png(grey(1)), "a/bomb.png": bytes(bomb)}), "images"))
    assert caught.value.place == "a/bomb.png"


def test_more_pixels_than_allowed_are_refused(read, zipped, png, monkeypatch):
    monkeypatch.setattr(limits, "MAX_IMAGE_PIXELS", 100)

    with pytest.raises(InvalidData, match="12 x 12 pixels"):
        profile(read(zipped({"a/1.png": png(grey(1, height=12, width=12))}), "images"))


def test_an_archive_without_images_and_one_half_divided_are_refused(read, zipped, png):
    with pytest.raises(InvalidData, match="no images in class folders"):
        read(zipped({"a/notes.txt": b"x"}), "images")
    with pytest.raises(InvalidData, match=r"^cats/1.png: other images are under train/"):
        read(zipped({"train/a/1.png": png(grey(1)), "cats/1.png": png(grey(2))}), "images")
