"""The rows of one part of the data, ready to be cut into batches on their device."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor

from models.spec.data import BlockShuffle, RowShuffle, Shuffle
from worker.training.data import Split
from worker.training.data.pictures import Numbers, Pictures
from worker.training.networks import Model
from worker.training.networks.inputs import Batch
from worker.training.plan import Plan
from worker.training.randomness import permutation, permutation_in_blocks

#: Preprocessed inputs are kept where they have at most this many values (256 MB of float32).
MAX_READY_VALUES = 64 << 20
#: Rows of an evaluation batch hold about this many input values: large enough to be fast, small enough for any memory.
EVALUATION_VALUES = 4 << 20
MAX_EVALUATION_ROWS = 8192
VALUES_OF_A_TOKEN = 64
#: Small batches are taken several at a time, up to so many bytes: finding memory for one costs as much as copying it.
BLOCK_BYTES: Final = 1 << 18
#: What processors and their libraries compute with at once. Where a batch begins in its memory decides last bits.
_ALIGNMENT: Final = 64
_ALL: Final = RowShuffle()


@dataclass(frozen=True, slots=True)
class Mixture:
    """What augmentation mixed into rows: the targets of the others, and the one share in [0, 1] that each row kept."""

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

    @property
    def num_values(self) -> int:
        """Input values of one row; a token counts for as many as the vector that it becomes."""
        weight = {"tokens": VALUES_OF_A_TOKEN}
        return sum(tensor[:1].numel() * weight.get(name, 1) for name, tensor in self.inputs.items())

    @property
    def index_device(self) -> torch.device:
        """Where numbers of rows are wanted."""
        return self.targets.device

    def whole(self) -> Rows:
        """All rows as one batch."""
        return self

    def batches_at_once(self, size: int) -> int:
        """How many batches of `size` rows are taken together: more than one only where each begins at a round place in
        memory, as it would if it were taken alone.
        """
        sizes = [size * tensor[:1].nbytes for tensor in (*self.inputs.values(), self.targets)]
        if any(num_bytes % _ALIGNMENT for num_bytes in sizes):
            return 1
        return max(1, BLOCK_BYTES // max(1, sum(sizes)))

    def walk(self, cuts: Iterable[Tensor]) -> Generator[Rows]:
        """The rows of each cut, int64 [n] of row numbers, one cut after the other."""
        for cut in cuts:
            yield self.take(cut)

    def take(self, index: Tensor) -> Rows:
        """The rows of these numbers, int64 [N], in their order; none of them is mixed yet."""
        inputs = {name: _selected(tensor, index) for name, tensor in self.inputs.items()}
        return Rows(inputs, self.targets.index_select(0, index), self.is_ready)

    def slices(self, size: int, *, start: int = 0) -> Generator[Rows]:
        """All rows from number `start` on in their order, `size` at a time."""
        for place in range(start, len(self), size):
            yield self.between(place, place + size)

    def between(self, start: int, stop: int) -> Rows:
        """The rows from number `start` up to `stop`, mixed as they are."""
        inputs = {name: tensor[start:stop] for name, tensor in self.inputs.items()}
        mixed = None if self.mixture is None else Mixture(self.mixture.targets[start:stop], self.mixture.share)
        return Rows(inputs, self.targets[start:stop], self.is_ready, mixed)


@dataclass(frozen=True, slots=True)
class StreamedRows(Rows):
    """Rows whose images stay in their files: `inputs` is empty, and whoever takes rows gets them decoded.

    Walks and slices are decoded ahead by threads, which end with the iterator: close it where it may be left early.
    """

    pictures: Pictures = field(kw_only=True)

    @property
    def num_values(self) -> int:
        """Input values of one row."""
        return self.pictures.shape.num_bytes

    @property
    def index_device(self) -> torch.device:
        """Where numbers of rows are wanted: beside the threads."""
        return torch.device("cpu")

    def batches_at_once(self, size: int) -> int:  # noqa: ARG002
        """One: they are decoded ahead."""
        return 1

    def whole(self) -> Rows:
        """All rows as one batch, decoded."""
        return self.take(torch.arange(len(self)))

    def take(self, index: Tensor) -> Rows:
        """The rows of these numbers, int64 [N], in their order, decoded now."""
        with closing(self.walk([index])) as taken:
            return next(taken)

    def walk(self, cuts: Iterable[Tensor]) -> Generator[Rows]:
        """The rows of each cut, the images of the next ones decoded meanwhile."""
        device, ahead = self.targets.device, deque[Tensor]()

        def numbers() -> Iterator[Numbers]:
            for cut in cuts:
                ahead.append(cut)
                yield cut.cpu().numpy()

        with closing(self.pictures.batches(numbers(), device=device)) as batches:
            for images in batches:
                index = ahead.popleft().to(device, non_blocking=True)
                yield Rows({"image": images}, self.targets.index_select(0, index), self.is_ready)

    def slices(self, size: int, *, start: int = 0) -> Generator[Rows]:
        """All rows from number `start` on in their order, `size` at a time."""
        return self.walk(torch.arange(place, min(place + size, len(self))) for place in range(start, len(self), size))


def prepare(split: Split, model: Model) -> Rows:
    """The rows of a split. Preprocessing has no parameters, so it is applied once and for all where there is room.

    Images stay bytes, a quarter of the memory, and become floats batch by batch.
    """
    if split.pictures is not None and split.is_streamed:
        return StreamedRows({}, split.targets, is_ready=False, pictures=split.pictures)
    targets = split.targets if model.is_classifier else split.targets.reshape(len(split.targets), -1)
    raw = Rows(dict(split.inputs), targets, is_ready=False)
    if "image" in raw.inputs or sum(tensor.numel() for tensor in raw.inputs.values()) > MAX_READY_VALUES:
        return raw
    with torch.no_grad():
        parts = [model.preprocessing(piece.inputs) for piece in raw.slices(evaluation_size(raw))]
        inputs = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return Rows(inputs, targets, is_ready=True)


def _selected(values: Tensor, index: Tensor) -> Tensor:
    """The rows of a tensor, laid out as it is: `index_select` alone turns images that lie channels last around."""
    if values.ndim == 4 and values.stride(1) == 1 and values.is_contiguous(memory_format=torch.channels_last):
        return _copied(values.permute(0, 2, 3, 1), index).permute(0, 3, 1, 2)
    return _copied(values, index)


def _copied(values: Tensor, index: Tensor) -> Tensor:
    """Rows, each copied as one flat row where it is one in memory, which is half as fast again."""
    if values.ndim > 2 and values.is_contiguous() and len(values):
        return values.view(len(values), -1).index_select(0, index).view(len(index), *values.shape[1:])
    return values.index_select(0, index)


def evaluation_size(rows: Rows) -> int:
    """Rows per batch where no gradient is needed."""
    return max(1, min(MAX_EVALUATION_ROWS, EVALUATION_VALUES // max(1, rows.num_values)))


def batches(rows: Rows, plan: Plan, *, seed: int, epoch: int, start: int, shuffle: Shuffle = _ALL) -> Generator[Rows]:
    """The batches of one epoch from position `start` on, in the order that seed and epoch determine."""
    if plan.batch_size == len(rows):  # the full batch has no order
        yield from (rows.whole() for _ in range(start, plan.steps_per_epoch))
        return
    where = {"seed": seed, "epoch": epoch}
    if isinstance(shuffle, BlockShuffle):
        order = permutation_in_blocks(
            len(rows), block=shuffle.block, window=shuffle.window, device=rows.index_device, **where
        )
    else:
        order = permutation(len(rows), device=rows.index_device, **where)
    size, num = plan.batch_size, rows.batches_at_once(plan.batch_size)
    stop = min(plan.steps_per_epoch * size, len(rows))
    # blocks lie where they would in a run that was not interrupted
    first = start // num * num * size
    cuts = (order[place : min(place + num * size, stop)] for place in range(first, stop, num * size))
    with closing(rows.walk(cuts)) as blocks:
        for place, block in zip(range(first, stop, num * size), blocks, strict=True):
            if num == 1:
                yield block
            else:
                yield from block.slices(size, start=max(0, start * size - place))
