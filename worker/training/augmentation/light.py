"""Images [N, C, H, W], pixels from 0 to 255, in another light."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from worker.training.augmentation.steps import uniform

#: How much red, green and blue look like (ITU-R BT.601).
LUMA = (0.299, 0.587, 0.114)
SMALLEST_SIGMA = 0.1
WHITE = 255.0


def grey(images: Tensor) -> Tensor:
    """The brightness of each pixel, [N, 1, H, W]."""
    if images.shape[1] == 1:
        return images
    weights = torch.tensor(LUMA, device=images.device, dtype=images.dtype)
    return torch.einsum("nchw,c->nhw", images, weights)[:, None]


def brightened(images: Tensor, factor: Tensor) -> Tensor:
    """Every pixel times the factor of its image."""
    return (images * factor).clamp(0, WHITE)


def contrasted(images: Tensor, factor: Tensor) -> Tensor:
    """The distance to the image's mean grey times a factor."""
    middle = grey(images).mean((1, 2, 3), keepdim=True)
    return (middle + (images - middle) * factor).clamp(0, WHITE)


def saturated(images: Tensor, factor: Tensor) -> Tensor:
    """The distance to a pixel's own grey times a factor."""
    own = grey(images)
    return (own + (images - own) * factor).clamp(0, WHITE)


class Colour:
    """Each image brighter or darker, harder or softer, more or less coloured."""

    def __init__(self, brightness: float, contrast: float, saturation: float) -> None:
        self._changes = [
            (change, most)
            for change, most in ((brightened, brightness), (contrasted, contrast), (saturated, saturation))
            if most
        ]

    def __call__(self, images: Tensor) -> Tensor:
        """The images as floats."""
        images = images.float()
        for change, most in self._changes:
            images = change(images, uniform(images, 1 - most, 1 + most))
        return images


class Blur:
    """Each image through a Gaussian of its own width."""

    def __init__(self, sigma: float) -> None:
        self._sigma = sigma
        self._reach = max(1, round(3 * sigma))

    def __call__(self, images: Tensor) -> Tensor:
        """The images as floats; edges are repeated outwards."""
        return blurred(images, uniform(images, min(SMALLEST_SIGMA, self._sigma), self._sigma), reach=self._reach)


def blurred(images: Tensor, sigma: Tensor, *, reach: int) -> Tensor:
    """Each image through a Gaussian of deviation `sigma` [N, 1, 1, 1], cut off `reach` pixels from its centre."""
    num, channels, height, width = images.shape
    offsets = torch.arange(-reach, reach + 1, device=images.device)
    weights = (-0.5 * (offsets / sigma.reshape(num, 1)) ** 2).exp()
    weights = (weights / weights.sum(1, keepdim=True)).repeat_interleave(channels, dim=0)
    flat = images.float().reshape(1, num * channels, height, width)
    flat = functional.pad(flat, (reach, reach, reach, reach), mode="replicate")
    flat = functional.conv2d(flat, weights[:, None, None, :], groups=num * channels)
    flat = functional.conv2d(flat, weights[:, None, :, None], groups=num * channels)
    return flat.reshape(images.shape)
