"""The artifact store: datasets in, checkpoints out, addressed by keys such as `datasets/<sha256>` and
`jobs/<job>/<attempt>/<step>`.

A folder by default, which API and workers share; with `s3://…` an object store, of which every machine keeps what it
needs in a bounded cache. Both are used by the same named operations.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeGuard

from models.artifacts.interface import ArtifactStore, Copy, Entry, Watch
from models.artifacts.local import LocalStore
from models.errors import Unavailable
from models.settings import Settings

if TYPE_CHECKING:
    from models.artifacts.objects import ObjectStore

__all__ = [
    "ArtifactStore",
    "Copy",
    "Entry",
    "LocalStore",
    "Watch",
    "is_remote",
    "open_store",
    "store_of",
    "usable_store",
]


log = logging.getLogger("trainyard.artifacts")

#: The code of an `Unavailable` that waiting will not end.
REFUSED: Final = "storage_refused"


def open_store(
    url: str, *, folder: Path | None = None, owner: str = "api", cache_bytes: int = 1 << 36
) -> ArtifactStore:
    """The store at a folder, a `file://` URL or an `s3://` URL; the latter needs a local `folder` to work in.

    Raises ValueError for what is none of these, without repeating what may hold credentials.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return LocalStore(Path(url))
    if scheme == "file":
        return LocalStore(Path(rest))
    if scheme != "s3":
        raise ValueError(f"TRAINYARD_ARTIFACTS_URL must be a folder, a file:// URL or an s3:// URL, not {scheme}://")
    from models.artifacts.addresses import parsed  # obstore takes a tenth of a second that a folder need not wait for
    from models.artifacts.objects import ObjectStore

    if folder is None:
        raise ValueError("an object store needs a local folder for what is on its way")
    return ObjectStore(parsed(url), folder=folder, owner=owner, cache_bytes=cache_bytes)


def store_of(settings: Settings, *, owner: str = "api") -> ArtifactStore:
    """The store in force, for the API or for the worker of this name. Raises ValueError."""
    return open_store(settings.artifacts, folder=settings.cache, owner=owner, cache_bytes=settings.cache_bytes)


def usable_store(settings: Settings, *, owner: str = "api") -> ArtifactStore:
    """The store in force, looked at once, at a start: one that is away may come back, and is only told.

    Raises `Unavailable`, with a line that says what to mend, where the settings are wrong or the store refuses.
    """
    try:
        store = store_of(settings, owner=owner)
    except ValueError as error:
        raise Unavailable(f"TRAINYARD_ARTIFACTS_URL: {error}", code=REFUSED) from None
    try:
        store.check()
    except Unavailable as error:
        line = f"TRAINYARD_ARTIFACTS_URL: {store}: {error.detail}"
        if error.code == REFUSED:
            raise Unavailable(line, code=REFUSED) from None
        log.warning("%s", line)
    return store


def is_remote(store: ArtifactStore) -> TypeGuard[ObjectStore]:
    """Whether what a trainer writes has to be carried to the store."""
    return not store.shares_disk
