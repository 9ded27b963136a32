"""Memory that snapshots are copied into, again and again.

Fresh memory has to be mapped page by page, which takes three times as long as the copy, and training stands still
meanwhile. Two or three rooms are enough for a run: one snapshot is being written, one is the best so far, and the next
one is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from weakref import ref

import torch
from torch import Tensor


class Copies(dict[str, Tensor]):
    """Copies of tensors by name, in a room that is free again once nobody holds this."""


class Rooms:
    """As many rooms as there are snapshots at a time."""

    def __init__(self) -> None:
        self._rooms: list[_Room] = []

    def copied(self, tensors: Mapping[str, Tensor]) -> Copies:
        """Contiguous copies on the CPU. They stay as they are for as long as this very mapping is held."""
        room = next((room for room in self._rooms if room.is_free), None)
        if room is None:
            room = _Room()
            self._rooms.append(room)
        return room.take_in(tensors)

    def make(self, tensors: Mapping[str, Tensor], *, num: int) -> None:
        """Have that many rooms for such tensors, and their memory mapped. A thread of its own may do it."""
        for _ in range(num - len(self._rooms)):
            room = _Room()
            room.furnish(tensors)
            self._rooms.append(room)


class _Room:
    """Buffers by name, and who holds what is in them."""

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}
        self._holder: ref[Copies] | None = None

    @property
    def is_free(self) -> bool:
        return self._holder is None or self._holder() is None

    def furnish(self, tensors: Mapping[str, Tensor]) -> None:
        self._buffers = {name: _buffer(tensor).zero_() for name, tensor in tensors.items()}

    def take_in(self, tensors: Mapping[str, Tensor]) -> Copies:
        copies = Copies()
        with torch.no_grad():
            for name, tensor in tensors.items():
                copies[name] = self._place(name, tensor)
            if copies:
                torch._foreach_copy_(list(copies.values()), list(tensors.values()), non_blocking=True)
        if any(tensor.is_cuda for tensor in tensors.values()):
            torch.cuda.synchronize()
        self._buffers = dict(copies)
        self._holder = ref(copies)
        return copies

    def _place(self, name: str, tensor: Tensor) -> Tensor:
        buffer = self._buffers.get(name)
        fits = buffer is not None and buffer.shape == tensor.shape and buffer.dtype == tensor.dtype
        return buffer if fits and buffer is not None else _buffer(tensor)


def _buffer(like: Tensor) -> Tensor:
    """Memory for the numbers of a tensor, one after the other; pinned where a GPU writes into it."""
    return torch.empty(like.shape, dtype=like.dtype, pin_memory=like.is_cuda)
