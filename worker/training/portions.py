"""In what portions a batch goes through the network: whole, or as much at once as fits into memory.

The gradient is that of the whole batch either way. Two things only see a portion: batch norm, which measures mean and
deviation of it, and dropout, which draws for it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from worker.training.averaging import BATCH_NORMS
from worker.training.errors import OutOfMemory
from worker.training.rows import Rows


class Portions:
    """Rows at once: as many as asked for; with `auto` the whole batch, halved whenever memory runs out.

    A step that ran out of memory is taken again from its start. Until one has gone through, what batch norm has
    measured meanwhile is taken back too.
    """

    def __init__(self, asked: int | Literal["auto"], network: nn.Module) -> None:
        self.size = None if asked == "auto" else asked
        self._is_free = asked == "auto"
        self._network = network
        self._smallest = 2 if any(isinstance(module, BATCH_NORMS) for module in network.modules()) else 1
        self._before: list[Tensor] | None = None
        self._has_fitted = not self._is_free

    def cut(self, batch: Rows) -> Iterator[Rows] | None:
        """The portions of a batch, of nearly the same size; None where it goes through at once."""
        if self.size is None or self.size >= len(batch):
            return None
        num_rows = len(batch)
        num_portions = max(1, min(math.ceil(num_rows / self.size), num_rows // self._smallest))
        ends = [number * num_rows // num_portions for number in range(num_portions + 1)]
        return (batch.between(start, stop) for start, stop in itertools.pairwise(ends))

    def begin(self) -> None:
        """A step begins."""
        if not self._has_fitted and self._before is None:
            self._before = [buffer.clone() for buffer in self._network.buffers()]

    def went_through(self) -> None:
        """The gradient of a batch is there."""
        self._has_fitted, self._before = True, None

    def shrink(self, num_rows: int) -> int:
        """Halve, after memory ran out with a batch of so many rows; raises OutOfMemory where there is nothing to halve.

        Answers the new size.
        """
        size = min(self.size or num_rows, num_rows)
        smallest = "a single row" if self._smallest == 1 else "two rows, which batch norm needs"
        if not self._is_free:
            raise OutOfMemory(
                f"The device has too little memory for micro-batches of {size} rows.",
                param="#/training/micro_batch_size",
            )
        if size <= self._smallest:
            raise OutOfMemory(f"The device has too little memory for {smallest}.")
        self.size = max(self._smallest, size // 2)
        if self._before is not None:
            for buffer, before in zip(self._network.buffers(), self._before, strict=True):
                buffer.copy_(before)
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.empty_cache()
        return self.size

    def state(self) -> int | None:
        """What a checkpoint keeps: the size that was found, None for the whole batch."""
        return self.size if self._is_free else None

    def restore(self, state: int | None) -> None:
        """Go on with the size that was found."""
        if self._is_free:
            self.size = state
