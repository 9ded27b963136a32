"""A zip or tar of images in one folder per class, decoded by Pillow within limits."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from models.errors import InvalidData
from models.formats import limits
from models.formats.archives import entries
from models.formats.folders import is_clutter, pieces_of, placed
from models.formats.labels import in_order
from models.formats.options import ImagesOptions
from models.formats.sources import PARTS, Images

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
_DECODERS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
_GREY = {"1", "L", "LA", "La", "I", "I;16", "F"}
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Picture:
    """One decoded image, uint8 [H, W, C], and the pieces of its name."""

    pieces: list[str]
    pixels: Pixels


def read_images(path: Path, options: ImagesOptions) -> Images:
    """The images of the archive in the order of their names; raises InvalidData naming the file."""
    pictures, notes = _pictures(path, options)
    if not pictures:
        raise InvalidData("the archive holds no images in class folders, such as cats/1.png")
    places = placed([picture.pieces for picture in pictures], what="image", example="cats/1.png")
    parts, labels = zip(*places, strict=True)
    classes = in_order(set(labels))
    codes = {label: code for code, label in enumerate(classes)}
    official = len(set(parts)) > 1 and "train" in parts
    return Images(
        _stacked([picture.pixels for picture in pictures]),
        np.array([codes[label] for label in labels], np.int64),
        classes,
        np.array([PARTS.index(part) for part in parts], np.int8) if official else None,
        notes,
    )


def _pictures(path: Path, options: ImagesOptions) -> tuple[list[_Picture], tuple[str, ...]]:
    """Every image of the archive by name, and a note on the files that are none."""
    pictures, left_out, total = [], [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd tags; what cannot be decoded raises
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for name, content in entries(path):
            pieces = pieces_of(name)
            if is_clutter(pieces):
                continue
            if Path(name).suffix.lower() not in _SUFFIXES:
                left_out.append(name)
                continue
            pictures.append(_Picture(pieces, decode(content, max_side=options.max_side, place=name)))
            total += pictures[-1].pixels.nbytes
            if total > limits.MAX_UNPACKED_BYTES:
                message = f"the images take more than {limits.MAX_UNPACKED_BYTES:,} bytes; choose a smaller max_side"
                raise InvalidData(message, place=name)
    notes = (f"files that are no images were left out: {len(left_out)}, such as {left_out[0]}",) if left_out else ()
    return sorted(pictures, key=lambda picture: picture.pieces), notes


def decode(content: bytes, *, max_side: int, place: str) -> Pixels:
    """One image as uint8 [H, W, C], upright, grey or colour, its longer side at most `max_side`.

    Raises InvalidData naming `place`.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_DECODERS) as image:
            if image.width * image.height > limits.MAX_IMAGE_PIXELS:
                message = f"it has {image.width} x {image.height} pixels; at most {limits.MAX_IMAGE_PIXELS:,} are read"
                raise InvalidData(message, place=place)
            return _upright(image, max_side=max_side)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidData("it has far too many pixels", place=place) from error
    except UnidentifiedImageError as error:
        raise InvalidData(f"it is no image that can be read ({', '.join(_DECODERS)})", place=place) from error
    except _BROKEN as error:
        raise InvalidData(f"the image is damaged ({error})", place=place) from error


def _upright(image: Image.Image, *, max_side: int) -> Pixels:
    image.draft(None, (max_side, max_side))  # JPEG skips detail nobody will see
    turned = ImageOps.exif_transpose(image)
    if turned.mode in {"I", "I;16", "F"}:
        turned = _eight_bits(turned)
    plain = turned.convert("L" if turned.mode in _GREY else "RGB")
    if max(plain.size) > max_side:
        plain.thumbnail((max_side, max_side))
    return np.asarray(plain, np.uint8).reshape(plain.height, plain.width, -1)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Deep grey values over the range of 8 bits; Pillow would cut them off at 255."""
    values = np.asarray(image, np.float64)
    top = 65535.0 if values.max(initial=0) > 255 else 255.0
    return Image.fromarray(np.clip(values * (255.0 / top), 0, 255).round().astype(np.uint8))


def _stacked(pixels: list[Pixels]) -> Pixels | list[Pixels]:
    """One array where all sizes are equal, the list otherwise; grey among colour becomes colour."""
    channels = max(image.shape[2] for image in pixels)
    alike = [image if image.shape[2] == channels else np.repeat(image, channels, axis=2) for image in pixels]
    return np.stack(alike) if len({image.shape for image in alike}) == 1 else alike
