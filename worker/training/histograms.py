"""Histograms of weights and gradients at the end of an epoch: computed on the device and read from it all at once.

They show what a loss curve hides: gradients that vanish from layer to layer, weights that drift apart, units that have
died. They change nothing in the run and draw no random numbers. Their cost is bounded: so many times in a run, so many
tensors, and of a large tensor so many entries, evenly spread, are sorted into bins.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from worker.training.callbacks import Callback, Histograms
from worker.training.session import Session

NUM_BINS: Final = 64
MOST_IN_A_RUN: Final = 16
_MOST_TENSORS: Final = 128
_MOST_SORTED: Final = 1 << 14
#: Tensors of up to so many entries are looked at all together: calling functions is most of the work on them.
_SMALL: Final = 1 << 12
_NUM_FIGURES: Final = 5


class Observer:
    """Takes histograms where they are due, and tells the callback."""

    def __init__(self, session: Session, callback: Callback) -> None:
        self._plan = session.plan
        self._callback = callback
        self._every_epochs = math.ceil(self._plan.total_steps / self._plan.steps_per_epoch / (MOST_IN_A_RUN - 2)) or 1
        parameters = [(name, one) for name, one in session.model.named_parameters() if one.requires_grad]
        every = math.ceil(len(parameters) / _MOST_TENSORS) or 1
        self._parameters = parameters[::every] if session.spec.tracking.histograms else []
        self._gradients: list[Tensor] = []

    def is_due(self, step: int) -> bool:
        """Whether to look behind this step, counted from 1: at the end of the first epoch, the last, and some between.

        A function of the step alone, so that a resumed run looks where an undisturbed one does.
        """
        epoch, position = divmod(step, self._plan.steps_per_epoch)
        if not self._parameters or (position and step < self._plan.total_steps):
            return False
        return epoch == 1 or step == self._plan.total_steps or epoch % self._every_epochs == 0

    def see_gradients(self, step: int) -> None:
        """Look at the gradients before they are used up."""
        if self.is_due(step):
            gradients = [torch.zeros_like(one) if one.grad is None else one.grad for _, one in self._parameters]
            self._gradients = distributions(gradients)

    def see_weights(self, step: int) -> None:
        """Look at the weights behind the step, and tell both."""
        if not self._gradients:
            return
        weights = distributions([one for _, one in self._parameters])
        table = torch.stack([*weights, *self._gradients]).cpu().numpy()
        self._gradients = []
        names = [f"{kind}/{name}" for kind in ("weights", "gradients") for name, _ in self._parameters]
        figures, counts = table[:, :_NUM_FIGURES], table[:, _NUM_FIGURES:]
        self._callback.on_histograms(Histograms(step, time.time(), names, figures, counts))


def distributions(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The `distribution` of each, those of small ones on the CPU at once."""
    small = [place for place, one in enumerate(tensors) if 0 < one.numel() <= _SMALL and one.device.type == "cpu"]
    if not small:
        return [distribution(one) for one in tensors]
    found = dict(zip(small, torch.from_numpy(_together([tensors[place] for place in small])), strict=True))
    return [found[place] if place in found else distribution(one) for place, one in enumerate(tensors)]


def _together(tensors: Sequence[Tensor]) -> NDArray[np.float64]:
    """The distributions of tensors that have entries, [tensors, figures and bins], by a pass over all entries."""
    flat = torch.cat([one.detach().flatten().float() for one in tensors]).double().numpy()
    sizes = np.array([one.numel() for one in tensors])
    starts, owners = np.cumsum(sizes) - sizes, np.repeat(np.arange(len(sizes)), sizes)
    low, high = np.minimum.reduceat(flat, starts), np.maximum.reduceat(flat, starts)
    figures = [low, high, sizes, np.add.reduceat(flat, starts), np.add.reduceat(flat**2, starts)]
    width = np.where(high > low, high - low, 1.0)
    bins = ((flat - low[owners]) * (NUM_BINS / width)[owners]).astype(np.int64).clip(max=NUM_BINS - 1)
    counts = np.bincount(owners * NUM_BINS + bins, minlength=len(sizes) * NUM_BINS)
    return np.column_stack([*figures, counts.reshape(len(sizes), NUM_BINS)])


def distribution(values: Tensor) -> Tensor:
    """Minimum, maximum, number, sum and sum of squares of a tensor, then its counts in bins of equal width.

    Nothing is read from a GPU. Bins are closed below; the last one holds the maximum.
    """
    flat = values.detach().flatten().float()
    low, high = flat.aminmax()
    sample = flat[:: _stride(len(flat))]
    counts = (_binned if flat.device.type == "cpu" else _sorted)(sample, low, high)
    number = torch.full((), float(len(flat)), dtype=torch.float64, device=flat.device)
    sums = (flat.sum(dtype=torch.float64), flat.square().sum(dtype=torch.float64))
    figures = torch.stack([low.double(), high.double(), number, *sums])
    return torch.cat([figures, counts.double() * (len(flat) / len(sample))])


def _binned(sample: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Counts on the CPU, where the bounds are read for nothing."""
    first, last = low.item(), high.item()
    return torch.histc(sample, NUM_BINS, min=first, max=last if last > first else first + 1)


def _sorted(sample: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Counts without asking the device for anything, by an algorithm that always gives the same ones."""
    shares = torch.arange(1, NUM_BINS, device=sample.device) / NUM_BINS
    below = torch.searchsorted(sample.sort().values, low + (high - low) * shares)
    return pad(pad(below, (1, 0), value=0), (0, 1), value=len(sample)).diff()


def _stride(num_entries: int) -> int:
    """How far apart the entries are that are sorted: an odd number, so that they lie in different columns."""
    return math.ceil(num_entries / _MOST_SORTED) | 1
