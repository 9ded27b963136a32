"""The rows of one part of the data, ready to be cut into batches on their device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from worker.training.data import Split
from worker.training.networks import Model
from worker.training.networks.inputs import Batch
from worker.training.plan import Plan
from worker.training.randomness import permutation

#: Preprocessed inputs are kept where they have at most this many values (256 MB of float32).
MAX_READY_VALUES = 64 << 20
#: Rows of an evaluation batch hold about this many input values: large enough to be fast, small enough for any memory.
EVALUATION_VALUES = 4 << 20
MAX_EVALUATION_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Mixture:
    """What augmentation mixed into rows: the targets of the others, and the share in [0, 1] that each row has kept."""

    targets: Tensor
    share: float | Tensor


@dataclass(frozen=True, slots=True)
class Rows:
    """Inputs by name, equal in their first dimension, and targets. `is_ready`: preprocessing is behind them.

    `mixture` is there where augmentation has mixed each row with another one.
    """

    inputs: Batch
    targets: Tensor
    is_ready: bool
    mixture: Mixture | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, index: Tensor) -> Rows:
        """The rows of these numbers, int64 [N], in their order; none of them is mixed yet."""
        inputs = {name: tensor.index_select(0, index) for name, tensor in self.inputs.items()}
        return Rows(inputs, self.targets.index_select(0, index), self.is_ready)

    def slices(self, size: int) -> Iterator[Rows]:
        """All rows in their order, `size` at a time."""
        for start in range(0, len(self), size):
            inputs = {name: tensor[start : start + size] for name, tensor in self.inputs.items()}
            mixed = self.mixture
            if mixed is not None:
                mixed = Mixture(mixed.targets[start : start + size], mixed.share)
            yield Rows(inputs, self.targets[start : start + size], self.is_ready, mixed)


def prepare(split: Split, model: Model) -> Rows:
    """The rows of a split. Preprocessing has no parameters, so it is applied once and for all where there is room.

    Images stay bytes, a quarter of the memory, and become floats batch by batch.
    """
    targets = split.targets if model.is_classifier else split.targets.reshape(len(split.targets), -1)
    raw = Rows(dict(split.inputs), targets, is_ready=False)
    if "image" in raw.inputs or sum(tensor.numel() for tensor in raw.inputs.values()) > MAX_READY_VALUES:
        return raw
    with torch.no_grad():
        parts = [model.preprocessing(piece.inputs) for piece in raw.slices(evaluation_size(raw))]
        inputs = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return Rows(inputs, targets, is_ready=True)


def evaluation_size(rows: Rows) -> int:
    """Rows per batch where no gradient is needed."""
    values = sum(tensor[:1].numel() for tensor in rows.inputs.values())
    return max(1, min(MAX_EVALUATION_ROWS, EVALUATION_VALUES // max(1, values)))


def batches(rows: Rows, plan: Plan, *, seed: int, epoch: int, start: int) -> Iterator[Rows]:
    """The batches of one epoch from position `start` on, in the order that seed and epoch determine."""
    if plan.batch_size == len(rows):  # the full batch has no order
        yield from (rows for _ in range(start, plan.steps_per_epoch))
        return
    order = permutation(len(rows), seed=seed, epoch=epoch, device=rows.targets.device)
    for position in range(start, plan.steps_per_epoch):
        yield rows.take(order[position * plan.batch_size : (position + 1) * plan.batch_size])
