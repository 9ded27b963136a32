"""Keyset pages: newest first by identifier, with an opaque cursor that is good for one filter only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from models.errors import BadRequest
from models.fingerprints import fingerprint
from models.json_text import decode, encode

LONGEST_PAGE: Final = 200
DEFAULT_PAGE: Final = 50
_VERSION: Final = 1
_MAC_BYTES: Final = 12

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, and the cursor of the next one."""

    items: Sequence[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page is wanted: up to `limit` items older than `before`."""

    limit: int = DEFAULT_PAGE
    before: str | None = None


class Cursors:
    """Seals and opens cursors with the service's own secret, so that a client cannot make one up."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def open(self, cursor: str | None, *, filters: Mapping[str, Any], limit: int) -> PageRequest:
        """The page a cursor asks for. Raises `BadRequest` for a foreign cursor or one of another filter."""
        if cursor is None:
            return PageRequest(limit=limit)
        try:
            raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        except (ValueError, binascii.Error) as error:
            raise _foreign() from error
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise _foreign()
        version, before, of = decode(payload)
        if version != _VERSION:
            raise _foreign()
        if of != fingerprint(dict(filters)):
            raise BadRequest("This cursor belongs to another filter; start again without it.", code="invalid_cursor")
        return PageRequest(limit=limit, before=before)

    def page(
        self, items: Sequence[T], *, request: PageRequest, filters: Mapping[str, Any], key: Callable[[T], str]
    ) -> Page[T]:
        """A page from up to `limit + 1` items, the last of which only tells that there are more."""
        if len(items) <= request.limit:
            return Page(items, None)
        kept = items[: request.limit]
        payload = encode([_VERSION, key(kept[-1]), fingerprint(dict(filters))]).encode()
        return Page(kept, base64.urlsafe_b64encode(self._mac(payload) + payload).rstrip(b"=").decode())

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._secret, payload, hashlib.sha256)[:_MAC_BYTES]


def _foreign() -> BadRequest:
    return BadRequest("This is not a cursor of this service.", code="invalid_cursor")
