"""Photographs that nobody took: noise of all wavelengths, which costs a decoder about what a real picture costs it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

_OCTAVES = ((2, 0.18), (4, 0.30), (16, 0.40), (64, 0.60))  # wavelength in pixels, strength
_GRAIN = 5.0
_BLOCK = 512


def photograph(seed: int, *, width: int = 500, height: int = 375, quality: int = 92) -> bytes:
    """A JPEG; at its usual size one of about 90 kB, as ImageNet's are 110 kB on average."""
    random = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 128.0)
    for wavelength, strength in _OCTAVES:
        rough = random.integers(0, 256, (height // wavelength + 2, width // wavelength + 2, 3), dtype=np.uint8)
        smooth = Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)
        pixels += (np.asarray(smooth, np.float64) - 128) * strength
    pixels += random.normal(0, _GRAIN, pixels.shape)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def numbered(distinct: list[bytes], *, num: int) -> Iterator[tuple[str, bytes]]:
    """So many files of a thousand classes: the same pictures again and again, each with a number behind its end."""
    for number in range(num):
        label = number * 1000 // num
        name = f"train/n{label:08}/n{label:08}_{number}.JPEG"
        yield name, distinct[number % len(distinct)] + number.to_bytes(8, "big")


def write_tar(path: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """A tar, its headers made from one, because a million of the standard library's take minutes."""
    model = bytearray(tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT))
    with path.open("wb", buffering=1 << 20) as file:
        for name, content in files:
            header = model.copy()
            header[:100] = name.encode().ljust(100, b"\0")
            header[124:136] = b"%011o\0" % len(content)
            header[148:156] = b" " * 8
            header[148:156] = b"%06o\0 " % sum(header)
            file.write(header)
            file.write(content.ljust(-(-len(content) // _BLOCK) * _BLOCK, b"\0"))
        file.write(bytes(2 * _BLOCK))
