"""Images that stay encoded on disk until somebody asks for one: all that is known without decoding, and each on demand.

A million and more of them take some hundred bytes of memory each. Names, classes and official parts come from the
archive's directory; equal images are found by their encoded bytes; only `decode` looks at pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData
from models.formats import limits
from models.formats.decoding import Pixels, Shape, brought_to, decode, decode_whole
from models.formats.members import Members

_ROWS_PER_SIGN = 1024


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """Images and their classes, the images still in their archive.

    `places` is int64 [N]: which member of the archive each row is, in the order of their names. `labels` is int64 [N]
    of indices into `classes`; `max_side` bounds the size that is taken for their own. With `raw` the files are no
    encoded images but plain pixels [H, W, C] of that shape.
    """

    members: Members
    places: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    classes: list[str]
    max_side: int
    split: npt.NDArray[np.int8] | None = None
    notes: tuple[str, ...] = ()
    raw: tuple[int, int, int] | None = None

    def __len__(self) -> int:
        return len(self.places)

    @property
    def encoded_bytes(self) -> int:
        """What all images take as files."""
        return self.members.total_bytes()

    def name(self, row: int) -> str:
        """The file of a row."""
        return self.members.name(int(self.places[row]))

    def offsets(self) -> npt.NDArray[np.int64]:
        """Where each row lies on disk, int64 [N]."""
        return self.members.offsets()[self.places]

    def decode(self, row: int, shape: Shape) -> Pixels:
        """One image as uint8 [H, W, C] of that shape; raises InvalidData naming the file."""
        if self.raw is not None:
            return brought_to(self.decode_whole(row), shape)
        return decode(self._content(row), shape=shape, place=self.name(row))

    def decode_whole(self, row: int) -> Pixels:
        """One image in its own size and colours; raises InvalidData naming the file."""
        if self.raw is not None:
            return np.frombuffer(self._content(row), np.uint8).reshape(self.raw)
        return decode_whole(self._content(row), max_side=self.max_side, place=self.name(row))

    def keys(self, *, on_sign: Callable[[], None] = lambda: None) -> npt.NDArray[np.uint64]:
        """A key for every row [N], equal for files of equal bytes; `on_sign` is called again and again meanwhile.

        Of every file eight kilobytes are read, and those that have them in common are read whole.
        """
        sketches = np.empty(len(self), np.uint64)
        for row, place in enumerate(self.places.tolist()):
            sketches[row] = self.members.sketch(place)
            if row % _ROWS_PER_SIGN == 0:
                on_sign()
        _, units, sizes = np.unique(sketches, return_inverse=True, return_counts=True)
        for row in np.flatnonzero(sizes[units] > 1).tolist():
            sketches[row] = self.members.digest(int(self.places[row]))
            if row % _ROWS_PER_SIGN == 0:
                on_sign()
        return sketches

    def _content(self, row: int) -> bytes:
        place = int(self.places[row])
        if (num_bytes := self.members.num_bytes(place)) > limits.MAX_IMAGE_BYTES:
            message = f"the file has {num_bytes:,} bytes; images of at most {limits.MAX_IMAGE_BYTES:,} are read"
            raise InvalidData(message, place=self.name(row))
        return self.members.read(place)
