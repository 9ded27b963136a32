"""What the API and the workers need of a place to keep files, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from models.errors import Unavailable


class Entry(NamedTuple):
    """A file in a store, or an empty folder, and the time since it was last changed."""

    key: str
    age_seconds: float


def _nothing() -> None:
    """Nothing has to be let go."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Something of a store on this machine's disk. It stays there until it is released."""

    path: Path
    release: Callable[[], None] = _nothing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


class Watch:
    """Looks on while bytes go over. This one is quiet, and gives up with the first failure."""

    def look(self) -> None:
        """Between any two pieces; what this raises ends the transfer."""

    def sign(self) -> None:
        """Some bytes have gone over; what this raises ends the transfer."""

    def trouble(self, error: Unavailable) -> None:
        """The store has failed: returns, when it is time, to have the same bytes tried again, or raises."""
        raise error


class ArtifactStore(Protocol):
    """A place for files, addressed by keys. Every operation raises `Unavailable` where the place does not answer."""

    @property
    def shares_disk(self) -> bool:
        """Whether API and workers see its files as files: then a trainer may write into its workspace for good."""

    def workspace(self, key: str) -> Path:
        """A local path where what will get this key may be written. Raises ValueError for what is not a key."""

    def size(self, key: str) -> int:
        """The bytes under a key. Raises `NotFound`."""

    def read(self, key: str, *, start: int, num_bytes: int) -> Iterator[bytes]:
        """A range of the bytes under a key, in blocks, each asked for when it is wanted. Raises `NotFound` then."""

    def put(self, source: Path, key: str) -> None:
        """Store a local file, durably; the file stays. Where the key is taken, it is by the same content."""

    def fetch(self, key: str, *, sha256: str, watch: Watch | None = None) -> Copy:
        """A whole file on this machine's disk, as its digest says. Raises `NotFound`."""

    def fetch_checkpoint(
        self,
        location: str,
        *,
        manifest_sha256: str,
        only: Collection[str] | None = None,
        watch: Watch | None = None,
    ) -> Copy:
        """A checkpoint's folder on this machine's disk, with all its files or `only` those. Raises `NotFound`."""

    def link(self, key: str, *, seconds: float) -> str | None:
        """An address at which anybody may read this file for so long; None where the store has none to give."""

    def delete(self, key: str) -> None:
        """Delete what is under a key, file or folder; nothing there is no error."""

    def walk(self, key: str) -> Iterator[Entry]:
        """Every file below a key, unfinished ones included, folder by folder; nothing below what is no folder."""

    def check(self) -> None:
        """Return if the store can be read and written now. Raises `Unavailable`, with the reason in words."""
