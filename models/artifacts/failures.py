"""What an object store's failures mean.

Its own words are never passed on: they carry addresses, and where a store refuses a request, parts of the credentials.
What is said instead is a sentence of ours with the status and the store's error code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from obstore import exceptions

from models.errors import NotFound, Unavailable

#: Codes of `Unavailable`, which are reasons of a failed attempt as well (see `models.reasons`).
AWAY: Final = "storage_away"
FULL: Final = "storage_full"
REFUSED: Final = "storage_refused"

_STATUS: Final = re.compile(r"status code: ([1-5][0-9]{2})")
_CODE: Final = re.compile(r"<Code>([A-Za-z]{3,48})</Code>")
_FULL_CODES: Final = frozenset(
    {"QuotaExceeded", "XMinioStorageFull", "XMinioStorageQuotaExceeded", "InsufficientStorage"}
)
_BUSY_CODES: Final = frozenset({"SlowDown", "RequestTimeout", "InternalError"})
_NO_ROOM: Final = 507
_REFUSALS: Final = range(300, 500)
_BUSY: Final = frozenset({408, 425, 429})
_ERRORS: Final = (exceptions.BaseError, OSError)
_HEADERS: Final = {"Retry-After": "10"}


class Damaged(NotFound):
    """What lies under a key is not what its digest says, looked at twice."""

    code = "artifact_damaged"


@contextmanager
def speaking(key: str | None = None) -> Iterator[None]:
    """Raise a store's failures as `NotFound`, for a key that is read, and as `Unavailable`."""
    try:
        yield
    except _ERRORS as error:
        failure = explained(error, key=key)
    else:
        return
    raise failure from None


def explained(error: Exception, *, key: str | None = None) -> NotFound | Unavailable:
    """The error that says in our words what a store has said in its own."""
    text = str(error)
    status = _STATUS.search(text)
    code = _CODE.search(text)
    said = " ".join(match[1] for match in (status, code) if match)
    name = code[1] if code else ""
    is_missing = isinstance(error, FileNotFoundError | exceptions.NotFoundError)
    if key is not None and is_missing and name != "NoSuchBucket":
        return NotFound(f"The file {key} is gone.", code="artifact_gone")
    number = int(status[1]) if status else 0
    if number == _NO_ROOM or name in _FULL_CODES:
        return Unavailable(f"The artifact store has no room left ({said}).", code=FULL, headers=_HEADERS)
    if number in _REFUSALS and number not in _BUSY and name not in _BUSY_CODES:
        return Unavailable(f"The artifact store refuses what is asked ({said}).", code=REFUSED, headers=_HEADERS)
    if is_missing or isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return Unavailable("The artifact store refuses what is asked.", code=REFUSED, headers=_HEADERS)
    told = f" ({said})" if said else ""
    return Unavailable(f"The artifact store does not answer as it should{told}.", code=AWAY, headers=_HEADERS)
