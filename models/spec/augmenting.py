"""Which augmentation fits which data, and what `auto` is."""

from __future__ import annotations

from typing import Literal

from models.spec.augmentation import Augmentations, Augmented, Colour, RandomCrop
from models.spec.base import Kind
from models.spec.mistakes import misfit
from models.spec.preprocessing import Image

SMALLEST_SIDE_TO_CROP = 16
PIXELS_PER_PADDING = 14


def resolved_augmentation(augmentation: Literal["auto"] | Augmentations, *, kind: Kind, image: Image) -> Augmentations:
    """The list with nothing left open. Raises InvalidSpec pointing at the entry that does not fit this data."""
    if augmentation == "auto":
        return _auto(image) if kind == "image" else ()
    mixing = 0
    for number, step in enumerate(augmentation):
        if kind not in step.READS:
            reads = ", ".join(sorted(step.READS))
            raise misfit(f"#/augmentation/{number}/type", f"{step.type} is for {reads}; this data is {kind}")
        mixing += step.MIXES
        if mixing > 1:
            raise misfit(f"#/augmentation/{number}/type", "mixes rows a second time; give one of mixup and cutmix")
        _check_image(step, image, at=f"#/augmentation/{number}")
    return augmentation


def _check_image(step: Augmented, image: Image, *, at: str) -> None:
    if isinstance(step, Colour) and step.saturation and image.channels == 1:
        raise misfit(f"{at}/saturation", "must be 0 for grey images: they have no colour")
    if isinstance(step, RandomCrop) and image.size != "auto" and step.padding >= min(image.size):
        height, width = image.size
        raise misfit(f"{at}/padding", f"must be less than the image's side; it is {height} x {width}")


def _auto(image: Image) -> Augmentations:
    """A crop by a fourteenth of the side, 2 pixels of 28: what an image shows may move a little."""
    if image.size == "auto" or min(image.size) < SMALLEST_SIDE_TO_CROP:
        return ()
    return (RandomCrop(padding=round(min(image.size) / PIXELS_PER_PADDING)),)
