"""The profile of images that lie in an archive: exact counts, and pixels of a sample where there are many.

Decoding a million photographs takes an hour, so at most `NUM_DECODED` of them, evenly spaced, are decoded here, or as
many as `MAX_DECODED_PIXELS` allow; their sizes stand for all. An image that is damaged and not among them is found, and
named, by the job that trains on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from models.formats.duplicates import labelled, num_repeats
from models.formats.image_files import ImageFiles
from models.formats.labelled import class_counts, part_counts, remarks
from models.profile import ImageShape, Profile

NUM_DECODED: Final = 10_000
MAX_DECODED_PIXELS: Final = 4_000_000_000
MAX_COMPARED: Final = 250_000
"""Files among which equal ones are looked for at once; of more, a job does it while it prepares its data."""


def profile(source: ImageFiles) -> Profile:
    """What is known about the images; raises InvalidData naming a file among the sample that cannot be decoded."""
    shapes = list(_shapes(source))
    channels = max(shape[2] for shape in shapes)
    duplicates = num_repeats(labelled(source.keys(), source.labels)) if len(source) <= MAX_COMPARED else 0
    warnings = list(remarks(source, what="image", duplicates=duplicates))
    if len(shapes) < len(source):
        warnings.append(f"{len(shapes)} of {len(source)} images were decoded, evenly spaced; they stand for the rest")
    if len(source) > MAX_COMPARED:
        warnings.append("so many files were not compared with each other; a job that trains on them does it")
    return Profile(
        kind="images",
        rows=len(source),
        classes=class_counts(source),
        image=usual_shape((height, width, channels) for height, width, _ in shapes),
        split=part_counts(source.split),
        duplicates=duplicates,
        warnings=tuple(warnings),
    )


def evenly_spaced(num: int, *, most: int) -> npt.NDArray[np.int64]:
    """At most `most` of the numbers below `num`, spread over all of them."""
    return np.arange(num) if num <= most else np.arange(most) * num // most


def usual_shape(shapes: Iterable[tuple[int, ...]]) -> ImageShape:
    """The most frequent shape [H, W, C]; the smallest of those where several are."""
    sizes = Counter(shapes)
    (height, width, channels), _ = min(sizes.items(), key=lambda item: (-item[1], item[0]))
    return ImageShape(height=height, width=width, channels=channels, varied=len(sizes) > 1)


def _shapes(source: ImageFiles) -> Iterator[tuple[int, ...]]:
    """Shapes of decoded images, until there are enough; spread over all where they are not all."""
    rows = evenly_spaced(len(source), most=NUM_DECODED)
    # in an order that is spread out however early it ends: large images use their allowance up soon
    num_pixels = 0
    for row in np.argsort(np.arange(len(rows)) * 0x9E3779B1 % 2**32, kind="stable"):
        pixels = source.decode_whole(int(rows[row]))
        yield pixels.shape
        num_pixels += pixels.shape[0] * pixels.shape[1]
        if num_pixels > MAX_DECODED_PIXELS:
            return
