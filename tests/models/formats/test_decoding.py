"""Images brought to a shape: stretched, cropped, turned, grey; photographs no finer than needed."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFile

from models.errors import InvalidData
from models.formats import image_files, limits
from models.formats.decoding import Shape, brought_to, decode
from models.formats.summaries import profile


def saved(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def columns(*values: int, height: int = 4, width: int = 4) -> np.ndarray:
    """Broad grey columns of these values."""
    return np.repeat(np.array(values, np.uint8), width)[None, :].repeat(height, axis=0)


def test_stretching_keeps_every_column_and_cropping_cuts_the_outer_ones():
    content = saved(columns(0, 100, 200, 50))  # 4 x 16

    stretched = decode(content, shape=Shape(4, 4, 1), place="it")
    cropped = decode(content, shape=Shape(4, 4, 1, "crop"), place="it")

    assert stretched.shape == cropped.shape == (4, 4, 1)
    assert stretched[0, 1, 0] < 120 < stretched[0, 2, 0]
    assert cropped[0, :, 0].tolist() == [100, 100, 200, 200]  # the middle 4 x 4 of 4 x 16, untouched


def test_cropping_a_tall_image_cuts_above_and_below():
    content = saved(columns(0, 100, 200, 50).T.copy())

    assert decode(content, shape=Shape(4, 4, 1, "crop"), place="it")[:, 0, 0].tolist() == [100, 100, 200, 200]


def test_resizing_is_that_of_pillow_with_antialiasing():
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    wanted = np.asarray(Image.fromarray(pixels).resize((12, 10), Image.Resampling.BILINEAR))

    assert (decode(saved(pixels), shape=Shape(10, 12, 3), place="it") == wanted).all()
    assert (brought_to(pixels, Shape(10, 12, 3)) == wanted).all()


def test_a_photograph_that_lies_on_its_side_is_turned_before_it_is_brought_to_its_shape():
    exif = Image.Exif()
    exif[0x0112] = 6  # what is left in the file is up in the world
    pixels = np.repeat(np.repeat(np.array([[0, 255]], np.uint8), 64, axis=0), 64, axis=1)[..., None].repeat(3, axis=2)
    content = saved(pixels, "JPEG", exif=exif, quality=95)

    turned = decode(content, shape=Shape(8, 4, 3), place="it")

    assert turned.shape == (8, 4, 3)
    assert turned[:3].max() < 20
    assert turned[-3:].min() > 235


def test_a_photograph_becomes_small_without_all_its_detail_being_decoded(monkeypatch):
    content = saved(np.random.default_rng(0).integers(0, 256, (400, 600, 3), np.uint8), "JPEG")
    asked, load = [], ImageFile.ImageFile.load
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: asked.append(self.size) or load(self))

    small = decode(content, shape=Shape(45, 60, 3), place="it")

    assert small.shape == (45, 60, 3)
    assert asked[0] == (75, 50)  # an eighth of each side


def test_colour_that_becomes_grey_is_its_luma():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200

    for kind in ("PNG", "JPEG"):
        grey = decode(saved(red, kind), shape=Shape(8, 8, 1), place="it")
        assert abs(grey.astype(int) - round(0.299 * 200)).max() <= 1
    assert brought_to(red, Shape(8, 8, 1))[0, 0, 0] == round(0.299 * 200)


def test_an_image_file_of_hundreds_of_megabytes_is_refused_unread(read, tarred, png, monkeypatch):
    content = png(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))
    monkeypatch.setattr(limits, "MAX_IMAGE_BYTES", len(content) - 1)
    assert image_files.limits is limits

    with pytest.raises(InvalidData, match=r"^a/1.png: the file has"):
        profile(read(tarred({"a/1.png": content, "b/1.png": content}), "images"))


def test_what_is_no_number_is_black():
    values = np.array([[np.nan, 1.0], [255.0, np.nan]], np.float32)

    pixels = decode(saved(values, "TIFF"), shape=Shape(2, 2, 1), place="it")

    assert pixels[..., 0].tolist() == [[0, 1], [255, 0]]


COLOUR = np.array([200, 100, 50], np.uint8)


def filled(mode: str) -> Image.Image:
    """One colour in a mode of Pillow's; where a mode knows transparency, half of it is transparent."""
    image = Image.fromarray(np.tile(COLOUR, (4, 4, 1)))
    if mode == "P":
        palette = image.quantize(4)
        palette.info["transparency"] = 0
        return palette
    if mode in {"RGBA", "LA"}:
        image = image.convert(mode)
        image.putalpha(Image.fromarray(np.repeat([[0, 0, 255, 255]], 4, axis=0).astype(np.uint8)))
        return image
    if mode == "I;16":
        return Image.fromarray(np.full((4, 4), 30_000, np.uint16))
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "kind", "shown"),
    [
        ("RGB", "PNG", [200, 100, 50]),
        ("RGBA", "PNG", [200, 100, 50]),  # transparent places show the colour that they hide
        ("P", "PNG", [200, 100, 50]),
        ("CMYK", "TIFF", [200, 100, 50]),
        ("L", "PNG", [124] * 3),  # 0.299 * 200 + 0.587 * 100 + 0.114 * 50
        ("LA", "PNG", [124] * 3),
        ("I;16", "PNG", [117] * 3),  # 30,000 of 65,535
    ],
)
def test_every_mode_becomes_eight_bits_of_colour(mode, kind, shown):
    buffer = io.BytesIO()
    filled(mode).save(buffer, kind)

    pixels = decode(buffer.getvalue(), shape=Shape(4, 4, 3), place="it")

    assert (np.abs(pixels.astype(int) - shown) <= 2).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_picture_counts(kind):
    first, others = Image.new("L", (4, 4), 250), [Image.new("L", (4, 4), 10) for _ in range(3)]
    buffer = io.BytesIO()
    first.save(buffer, kind, save_all=True, append_images=others)

    assert decode(buffer.getvalue(), shape=Shape(4, 4, 1), place="it").min() > 240


@pytest.mark.parametrize("shape", [Shape(1, 1, 3), Shape(7, 1, 1), Shape(2, 9, 3, "crop")])
def test_an_image_of_one_pixel_fills_every_shape(shape):
    pixels = decode(saved(COLOUR.reshape(1, 1, 3)), shape=shape, place="it")

    assert pixels.shape == (shape.height, shape.width, shape.channels)
    assert np.ptp(pixels, axis=(0, 1)).max() == 0


def test_a_photograph_that_is_cut_off_is_named():
    content = saved(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8), "JPEG")

    with pytest.raises(InvalidData, match=r"cats/1\.jpg: the image is damaged"):
        decode(content[: len(content) // 2], shape=Shape(8, 8, 3), place="cats/1.jpg")
