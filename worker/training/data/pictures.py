"""Images that are decoded when they are asked for, and how they come onto the device whole or batch by batch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.formats.decoding import Pixels, Shape
from models.formats.image_files import ImageFiles
from worker.training.data.loader import Loader

Numbers = npt.NDArray[np.int64]

#: Images decoded at once where they are not wanted in batches of another size.
GATHERED: Final = 256


@dataclass(frozen=True, slots=True)
class Pictures:
    """Rows of images, each still in its file.

    `rows` is int64 [N] of rows of the source, `keys` uint64 [N] of their contents; `num_threads` decode.
    """

    source: ImageFiles
    rows: Numbers
    keys: npt.NDArray[np.uint64]
    shape: Shape
    num_threads: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def num_bytes(self) -> int:
        """What all of them take decoded."""
        return len(self) * self.shape.num_bytes

    def chosen(self, which: npt.NDArray[np.bool_] | Numbers) -> Pictures:
        """Only these, by a mask or by their numbers."""
        return replace(self, rows=self.rows[which], keys=self.keys[which])

    def decode(self, numbers: Numbers, into: Pixels) -> None:
        """Put images [n, H, W, C] into an array of that shape; raises InvalidData naming the file that is damaged."""
        for place, number in enumerate(numbers.tolist()):
            into[place] = self.source.decode(int(self.rows[number]), self.shape)

    def fingerprint(self) -> bytes:
        """A digest that tells these images, at this size, from others; none of them is decoded for it."""
        return hashlib.sha256(repr(self.shape).encode() + self.keys.tobytes()).digest()

    def batches(self, cuts: Iterable[Numbers], *, device: torch.device) -> Generator[Tensor]:
        """The images of each cut, uint8 [n, C, H, W] on the device, decoded ahead by threads that end with this.

        They lie channels last, as decoders write them and convolutions read them. Raises InvalidData
        naming a damaged file where the batch that holds it is asked for.
        """
        with Loader(self.decode, cuts, shape=self.shape, num_threads=self.num_threads, device=device) as loader:
            for pixels in loader:
                yield pixels.to(device, non_blocking=True).permute(0, 3, 1, 2)

    def in_order(self, size: int, *, device: torch.device) -> Generator[Tensor]:
        """All images in their order, `size` at a time."""
        cuts = (np.arange(start, min(start + size, len(self))) for start in range(0, len(self), size))
        return self.batches(cuts, device=device)

    def gathered(self, *, device: torch.device, on_sign: Callable[[], None] = lambda: None) -> Tensor:
        """All images on the device, as `batches` gives them; besides them only a few are ever in memory."""
        size = (len(self), self.shape.height, self.shape.width, self.shape.channels)
        images = torch.empty(size, dtype=torch.uint8, device=device).permute(0, 3, 1, 2)
        place = 0
        with closing(self.in_order(GATHERED, device=device)) as pieces:
            for piece in pieces:
                images[place : place + len(piece)] = piece
                place += len(piece)
                on_sign()
        return images
