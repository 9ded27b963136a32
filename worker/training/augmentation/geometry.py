"""Images [N, C, H, W] moved, turned and mirrored. What comes in at an edge repeats the edge."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from worker.training.augmentation.steps import uniform


def flip(dimension: int) -> Callable[[Tensor], Tensor]:
    """Mirrors images: dimension 3 swaps left and right, 2 top and bottom."""
    return lambda images: images.flip(dimension)


class RandomCrop:
    """Moves each image by whole pixels."""

    def __init__(self, padding: int) -> None:
        self._padding = padding

    def __call__(self, images: Tensor) -> Tensor:
        """A window of the image's size out of the image with repeated edges around it."""
        num, _, height, width = images.shape
        moves = torch.randint(-self._padding, self._padding + 1, (2, num, 1), device=images.device)
        rows = (torch.arange(height, device=images.device) + moves[0]).clamp(0, height - 1)
        columns = (torch.arange(width, device=images.device) + moves[1]).clamp(0, width - 1)
        each = torch.arange(num, device=images.device)[:, None, None]
        moved = images.permute(0, 2, 3, 1)[each, rows[:, :, None], columns[:, None, :]]
        return moved.permute(0, 3, 1, 2)


class Affine:
    """Turns, moves, resizes and shears each image around its centre, between pixels by linear interpolation."""

    def __init__(self, *, degrees: float = 0.0, translate: float = 0.0, scale: float = 0.0, shear: float = 0.0) -> None:
        self._angle, self._translate, self._scale = math.radians(degrees), translate, scale
        self._shear = math.radians(shear)

    def __call__(self, images: Tensor) -> Tensor:
        """Each image by a map of its own; pixels come out as floats."""
        angle = uniform(images, -self._angle, self._angle).flatten()
        size = uniform(images, 1 - self._scale, 1 + self._scale).flatten()
        shear = uniform(images, -self._shear, self._shear).flatten().tan()
        moves = (torch.rand(2, len(images), device=images.device) * 2 - 1) * self._translate
        return warped(images, angle=angle, size=size, shear=shear, right=moves[0], down=moves[1])


def warped(images: Tensor, *, angle: Tensor, size: Tensor, shear: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """Each image turned anticlockwise by `angle` (radians), `size` times as large, sheared sideways, and moved.

    All of them are [N]; `right` and `down` are shares of width and height. The pixel that lands at a place is looked
    up by the inverse map, in coordinates that run from -1 to 1 over each side.
    """
    height, width = images.shape[2:]
    cos, sin = angle.cos() / size, angle.sin() / size
    across, along = width / height, height / width
    from_x = torch.stack([cos + shear * sin, (shear * cos - sin) * along], dim=1)
    from_y = torch.stack([sin * across, cos], dim=1)
    turn = torch.stack([from_x, from_y], dim=1)
    back = -torch.einsum("nij,nj->ni", turn, torch.stack([2 * right, 2 * down], dim=1))
    grid = functional.affine_grid(torch.cat([turn, back[:, :, None]], dim=2), list(images.shape), align_corners=False)
    return functional.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
