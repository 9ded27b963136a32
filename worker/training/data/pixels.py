"""Images of any size and colour brought to one shape."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]


def fitted(pixels: Pixels, *, size: tuple[int, int], channels: int) -> Pixels:
    """One image uint8 [h, w, 1 or 3] as [H, W, channels]: stretched with antialiasing, grey by luma (BT.601)."""
    height, width, found = pixels.shape
    if (height, width) == size and found == channels:
        return pixels
    image = Image.fromarray(pixels[:, :, 0] if found == 1 else pixels)
    if found != channels:
        image = image.convert("L" if channels == 1 else "RGB")
    if (height, width) != size:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8).reshape(*size, channels)


def all_fitted(pixels: Pixels | list[Pixels], *, size: tuple[int, int], channels: int) -> Pixels:
    """Images as one array uint8 [N, H, W, channels]; no copy where they are that already."""
    if isinstance(pixels, np.ndarray) and pixels.shape[1:] == (*size, channels):
        return pixels
    result = np.empty((len(pixels), *size, channels), np.uint8)
    for place, image in enumerate(pixels):
        result[place] = fitted(image, size=size, channels=channels)
    return result
