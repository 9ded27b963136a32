"""Rows mixed with other rows of their batch, and so their targets."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from worker.training.rows import Mixture, Rows


def own_share(alpha: float, device: torch.device) -> Tensor:
    """The larger part of a draw from Beta(alpha, alpha), a scalar: so a row's own target is the one it mostly has."""
    both = torch.full((), alpha, device=device)
    drawn = torch.distributions.Beta(both, both, validate_args=False).sample()
    return torch.maximum(drawn, 1 - drawn)


class Mixup:
    """Weighted means of rows and others (Zhang et al. 2018). What has codes instead of numbers is taken from either."""

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha

    def __call__(self, rows: Rows) -> Rows:
        """Each row with the share that it keeps of itself, one for the batch."""
        share = own_share(self._alpha, rows.targets.device)
        other = torch.randperm(len(rows), device=rows.targets.device)
        inputs = {name: self._mixed(name, tensor, tensor[other], share) for name, tensor in rows.inputs.items()}
        return replace(rows, inputs=inputs, mixture=Mixture(rows.targets[other], share))

    def _mixed(self, name: str, own: Tensor, other: Tensor, share: Tensor) -> Tensor:
        if name == "categories":
            return torch.where(torch.rand(own.shape, device=own.device) < share, own, other)
        return torch.lerp(other.float(), own.float(), share)


class CutMix:
    """A rectangle of another image in each (Yun et al. 2019), at one place for the batch."""

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha

    def __call__(self, rows: Rows) -> Rows:
        """Each image with the share of its area that it keeps; the rectangle is cut off at the edges."""
        images = rows.inputs["image"]
        height, width = images.shape[2:]
        share = own_share(self._alpha, images.device)
        other = torch.randperm(len(rows), device=images.device)
        centre = torch.rand(2, device=images.device)
        half = (1 - share).sqrt() / 2
        covered = _span(height, centre[0], half)[:, None] & _span(width, centre[1], half)[None, :]
        mixed = torch.where(covered, images[other], images)
        kept = 1 - covered.float().mean()
        return replace(rows, inputs={**rows.inputs, "image": mixed}, mixture=Mixture(rows.targets[other], kept))


def _span(size: int, centre: Tensor, half: Tensor) -> Tensor:
    """Which places along a side are within `half` of the centre, both as shares of the side."""
    places = (torch.arange(size, device=centre.device) + 0.5) / size
    return (places - centre).abs() < half
