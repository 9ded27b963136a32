"""Images [N, C, H, W] with a part painted over, so that no part is needed alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from worker.training.augmentation.light import WHITE
from worker.training.augmentation.steps import uniform

SMALLEST_AREA = 0.02


def rectangles(images: Tensor, *, centre: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """A mask [N, 1, H, W] of one rectangle per image; sizes [N] in pixels, `centre` [2, N] as shares of the sides."""
    num_rows, num_columns = images.shape[2:]
    rows = torch.arange(num_rows, device=images.device) + 0.5
    columns = torch.arange(num_columns, device=images.device) + 0.5
    inside_y = (rows - centre[0][:, None] * num_rows).abs() < height[:, None] / 2
    inside_x = (columns - centre[1][:, None] * num_columns).abs() < width[:, None] / 2
    return (inside_y[:, :, None] & inside_x[:, None, :])[:, None]


class Cutout:
    """A square of the image's mean colour, its centre anywhere in the image."""

    def __init__(self, size: float) -> None:
        self._size = size

    def __call__(self, images: Tensor) -> Tensor:
        """The images as floats."""
        images = images.float()
        centre = torch.rand(2, len(images), device=images.device)
        side = torch.full((len(images),), self._size * min(images.shape[2:]), device=images.device)
        mask = rectangles(images, centre=centre, height=side, width=side)
        return torch.where(mask, images.mean((2, 3), keepdim=True), images)


class RandomErasing:
    """A rectangle of noise, wholly within the image."""

    def __init__(self, area: float, aspect: float) -> None:
        self._area, self._aspect = area, math.log(aspect)

    def __call__(self, images: Tensor) -> Tensor:
        """The images as floats."""
        images = images.float()
        num_rows, num_columns = images.shape[2:]
        area = uniform(images, min(SMALLEST_AREA, self._area), self._area).flatten() * (num_rows * num_columns)
        ratio = uniform(images, -self._aspect, self._aspect).flatten().exp()
        height = (area * ratio).sqrt().clamp(max=num_rows)
        width = (area / ratio).sqrt().clamp(max=num_columns)
        spare = torch.stack([1 - height / num_rows, 1 - width / num_columns])
        centre = 0.5 + (torch.rand_like(spare) - 0.5) * spare
        noise = torch.rand_like(images) * WHITE
        return torch.where(rectangles(images, centre=centre, height=height, width=width), noise, images)
