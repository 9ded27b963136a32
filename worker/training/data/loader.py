"""Threads that decode the next batches while the network learns from this one.

Decoding gives the interpreter away, so threads are as fast as processes (`./run bench loader` measures both) without
copies between processes, without children to lose, and with errors that arrive where they belong. A batch is cut into
pieces, so that all threads work on the batch that is needed next. Only a few batches are decoded ahead: whoever is slow
stops the threads, not the memory.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.formats.decoding import Pixels, Shape

Numbers = npt.NDArray[np.int64]

#: Images that one thread takes at a time.
PIECE: Final = 8
#: Batches that are decoded ahead, and more of them where they are too small to keep every thread busy.
BATCHES_AHEAD: Final = 2
_LONGEST_WAIT_SECONDS: Final = 10.0


class _Batch:
    """One batch under way: the numbers of its images, where they are put, and how far that is."""

    def __init__(self, numbers: Numbers, pixels: Tensor) -> None:
        self.numbers = numbers
        self.pixels = pixels
        self.array: Pixels = pixels.numpy()
        self.next = 0
        self.num_left = len(numbers)
        self.error: BaseException | None = None

    @property
    def is_over(self) -> bool:
        """Whether it can be taken, whole or broken."""
        return not self.num_left or self.error is not None


class Loader:
    """The images of each cut, uint8 [n, H, W, C] in host memory, in the order of the cuts; pinned for a GPU.

    `decode` puts the images of some numbers into an array [n, H, W, C] and is called by several threads at once. What
    it raises is raised again when the batch is asked for. Threads begin with the first batch and end with `close`.
    """

    def __init__(
        self,
        decode: Callable[[Numbers, Pixels], None],
        cuts: Iterable[Numbers],
        *,
        shape: Shape,
        num_threads: int,
        device: torch.device,
    ) -> None:
        self._decode = decode
        self._cuts = iter(cuts)
        self._size = (shape.height, shape.width, shape.channels)
        self._is_pinned = device.type == "cuda"
        self._num_wanted = 2 * PIECE * num_threads
        self._open = deque[_Batch]()
        self._has_more = True
        self._is_closed = False
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, name=f"decoder-{number}", daemon=True) for number in range(num_threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Tensor]:
        return self

    def __next__(self) -> Tensor:
        with self._changed:
            self._changed.wait_for(lambda: self._open[0].is_over if self._open else not self._has_more)
            if not self._open:
                raise StopIteration
            batch = self._open.popleft()
            self._changed.notify_all()
        if batch.error is not None:
            raise batch.error
        return batch.pixels

    def close(self) -> None:
        """End the threads; each finishes the piece that it is at."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_LONGEST_WAIT_SECONDS)  # a disk that hangs must not hang the ending too

    def _work(self) -> None:
        while (piece := self._taken()) is not None:
            batch, start, stop = piece
            error: BaseException | None = None
            try:
                self._decode(batch.numbers[start:stop], batch.array[start:stop])
            except BaseException as raised:  # noqa: BLE001  raised again by the thread that asks for the batch
                error = raised
            with self._changed:
                batch.num_left -= stop - start
                batch.error = batch.error or error
                if batch.is_over:
                    self._changed.notify_all()

    def _taken(self) -> tuple[_Batch, int, int] | None:
        """The next piece to decode; None when there will be none."""
        with self._changed:
            while not self._is_closed:
                batch = next((batch for batch in self._open if batch.next < len(batch.numbers)), None)
                if batch is None:
                    batch = self._opened()
                if batch is not None and batch.error is None:
                    start = batch.next
                    batch.next = min(start + self._piece(batch), len(batch.numbers))
                    return batch, start, batch.next
                if batch is not None:
                    batch.next = len(batch.numbers)  # broken: nobody needs the rest
                elif not self._has_more:
                    return None
                else:
                    self._changed.wait()
            return None

    def _opened(self) -> _Batch | None:
        """One more batch, if there is one and not enough is under way."""
        under_way = sum(len(batch.numbers) for batch in self._open)
        if not self._has_more or (len(self._open) >= BATCHES_AHEAD and under_way >= self._num_wanted):
            return None
        batch = self._begun()
        if batch is not None:
            self._open.append(batch)
        if batch is None or batch.is_over:
            self._changed.notify_all()
        return batch

    def _begun(self) -> _Batch | None:
        """The next batch with room for its images; one that cannot be begun is broken from the start."""
        try:
            numbers = next(self._cuts, None)
            if numbers is None:
                self._has_more = False
                return None
            size = (len(numbers), *self._size)
            return _Batch(numbers, torch.empty(size, dtype=torch.uint8, pin_memory=self._is_pinned))
        except BaseException as error:  # noqa: BLE001  raised again by the thread that asks for the batch
            self._has_more = False
            batch = _Batch(np.empty(0, np.int64), torch.empty((0, *self._size), dtype=torch.uint8))
            batch.error = error
            return batch

    def _piece(self, batch: _Batch) -> int:
        """Images per piece: few enough that a batch is shared by all threads."""
        return max(1, min(PIECE, len(batch.numbers) // len(self._threads)))
