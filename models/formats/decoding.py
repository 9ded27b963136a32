"""From the bytes of an image file to pixels, by Pillow, within limits, from any number of threads.

Pillow gives the interpreter away while it decodes and resizes, so threads decode in parallel. A photograph is decoded
no finer than needed: JPEG leaves out detail by halves where the image is to become that small, and colour for a grey
one. Training and prediction call the same function, so that a network sees in use what it has learned from.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from models.errors import InvalidData
from models.formats import limits

Pixels = npt.NDArray[np.uint8]
Framing = Literal["stretch", "crop"]

_DECODERS: Final = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
_GREY: Final = frozenset({"1", "L", "LA", "La", "I", "I;16", "F"})
_DEEP: Final = frozenset({"I", "I;16", "F"})
_BROKEN: Final = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)
_FIRST_SIDEWAYS: Final = 5  #: EXIF orientations from here on swap height and width

# For good: to silence a block only would change what other threads see. What cannot be decoded raises all the same.
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True, slots=True)
class Shape:
    """What images are brought to: height, width, channels (1 or 3), and how one of another shape is made to fit.

    `stretch` resizes each side by itself; `crop` keeps proportions and cuts what overhangs, the same on both ends.
    """

    height: int
    width: int
    channels: int
    framing: Framing = "stretch"

    @property
    def num_bytes(self) -> int:
        """The size of one image."""
        return self.height * self.width * self.channels


def decode(content: bytes, *, shape: Shape, place: str) -> Pixels:
    """One image as uint8 [H, W, C] of that shape, upright, resized with antialiasing, grey by luma (BT.601).

    Raises InvalidData naming `place`.
    """
    with _opened(content, place=place) as image:
        wanted = (shape.width, shape.height)
        turns = image.getexif().get(ExifTags.Base.Orientation, 1) >= _FIRST_SIDEWAYS
        image.draft("L" if shape.channels == 1 else None, (wanted[1], wanted[0]) if turns else wanted)
        return fitted(_upright(image), shape)


def decode_whole(content: bytes, *, max_side: int, place: str) -> Pixels:
    """One image as uint8 [H, W, C], upright, grey or colour, its longer side at most `max_side`.

    Raises InvalidData naming `place`.
    """
    with _opened(content, place=place) as image:
        image.draft(None, (max_side, max_side))
        plain = _upright(image)
        if max(plain.size) > max_side:
            plain.thumbnail((max_side, max_side))
        return _pixels(plain)


def brought_to(pixels: Pixels, shape: Shape) -> Pixels:
    """Pixels uint8 [h, w, 1 or 3] that are decoded already, in that shape."""
    if pixels.shape == (shape.height, shape.width, shape.channels):
        return pixels
    return fitted(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels), shape)


def fitted(image: Image.Image, shape: Shape) -> Pixels:
    """An upright grey or colour image in that shape."""
    if (mode := "L" if shape.channels == 1 else "RGB") != image.mode:
        image = image.convert(mode)
    if image.size != (shape.width, shape.height):
        box = _centre(image.size, shape) if shape.framing == "crop" else None
        image = image.resize((shape.width, shape.height), Image.Resampling.BILINEAR, box=box)
    return _pixels(image)


def _centre(size: tuple[int, int], shape: Shape) -> tuple[float, float, float, float]:
    """The largest box of the wanted proportions in the middle of an image."""
    width, height = size
    scale = min(width / shape.width, height / shape.height)
    left, top = (width - scale * shape.width) / 2, (height - scale * shape.height) / 2
    return left, top, width - left, height - top


@contextmanager
def _opened(content: bytes, *, place: str) -> Iterator[Image.Image]:
    """The image, its header read; whatever goes wrong with it, here or later, is InvalidData naming `place`."""
    try:
        with Image.open(io.BytesIO(content), formats=_DECODERS) as image:
            if image.width * image.height > limits.MAX_IMAGE_PIXELS:
                message = f"it has {image.width} x {image.height} pixels; at most {limits.MAX_IMAGE_PIXELS:,} are read"
                raise InvalidData(message, place=place)
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidData("it has far too many pixels", place=place) from error
    except UnidentifiedImageError as error:
        raise InvalidData(f"it is no image that can be read ({', '.join(_DECODERS)})", place=place) from error
    except _BROKEN as error:
        raise InvalidData(f"the image is damaged ({error})", place=place) from error


def _upright(image: Image.Image) -> Image.Image:
    """The image decoded, turned as its EXIF data says, of 8 bits, grey ("L") or colour ("RGB")."""
    ImageOps.exif_transpose(image, in_place=True)
    plain = _eight_bits(image) if image.mode in _DEEP else image
    mode = "L" if plain.mode in _GREY else "RGB"
    return plain if plain.mode == mode else plain.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Deep grey values over the range of 8 bits; Pillow would cut them off at 255. What is no number is black."""
    values = np.nan_to_num(np.asarray(image, np.float64), nan=0.0)
    top = 65535.0 if values.max(initial=0) > 255 else 255.0
    return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).round().astype(np.uint8))


def _pixels(image: Image.Image) -> Pixels:
    return np.asarray(image, np.uint8).reshape(image.height, image.width, -1)
