"""Windows of series [N, T, F], in deviations of their columns, a little different each time (Um et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

from worker.training.augmentation.steps import per_row


class Jitter:
    """Noise on every value."""

    def __init__(self, std: float) -> None:
        self._std = std

    def __call__(self, windows: Tensor) -> Tensor:
        """The windows with noise."""
        return windows + self._std * torch.randn_like(windows)


class Scaling:
    """Every column of every window times a factor of its own, the same at all steps."""

    def __init__(self, std: float) -> None:
        self._std = std

    def __call__(self, windows: Tensor) -> Tensor:
        """The windows, larger or smaller."""
        return windows * (1 + self._std * torch.randn_like(windows[:, :1]))


class WindowWarping:
    """A part of each window slower or faster, then the whole at its old length, by linear interpolation."""

    def __init__(self, share: float, factor: float) -> None:
        self._share, self._factor = share, factor

    def __call__(self, windows: Tensor) -> Tensor:
        """The windows, in another time."""
        num, length, _ = windows.shape
        shape = per_row(windows)[:2]
        slower = torch.rand(shape, device=windows.device) < 0.5
        factor = torch.where(slower, self._factor, 1 / self._factor)
        start = torch.rand(shape, device=windows.device) * (1 - self._share) * (length - 1)
        return sampled(windows, warped_times(num, length, start=start, part=self._share * (length - 1), factor=factor))


def warped_times(num: int, length: int, *, start: Tensor, part: float, factor: Tensor) -> Tensor:
    """Where each step of the result [N, T] lies in the old window: `part` of it, from `start` on, takes `factor` times
    as long as before."""
    whole = length - 1 + part * (factor - 1)
    times = torch.arange(length, device=start.device).expand(num, -1) / max(1, length - 1) * whole
    within = (times - start).clamp(min=0).minimum(part * factor)
    return times - within + within / factor


def sampled(windows: Tensor, times: Tensor) -> Tensor:
    """The values [N, T, F] of windows at times [N, T] between their steps."""
    last = windows.shape[1] - 1
    before = times.floor().clamp(0, last).long()
    after = (before + 1).clamp(max=last)
    rest = (times - before).clamp(0, 1)[:, :, None]
    at_once, next_to_it = (
        windows.gather(1, index[:, :, None].expand(-1, -1, windows.shape[2])) for index in (before, after)
    )
    return torch.lerp(at_once, next_to_it, rest)
