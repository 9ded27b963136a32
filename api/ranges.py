"""File downloads: one byte range at most (RFC 9110), the digest of the whole (RFC 9530), never inline.

Bytes come from the artifact store by pieces, or the client is sent to the store for them, where it is one that clients
can be sent to and the settings say so.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.conditional import is_known
from models.artifacts import ArtifactStore
from models.errors import NotFound, RangeNotSatisfiable

#: How long a link into the store may be followed.
LINK_SECONDS: Final = 900.0
_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,19})-([0-9]{0,19})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def num_bytes(self) -> int:
        """How many bytes that is."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Download:
    """A finished file whose size and digest are on record."""

    key: str
    name: str
    num_bytes: int
    sha256: str

    @property
    def etag(self) -> str:
        """The content's own name: a strong tag."""
        return f'"{self.sha256}"'

    @property
    def headers(self) -> dict[str, str]:
        """What every answer about this file says, whole or in part."""
        return {
            "Accept-Ranges": "bytes",
            "Cache-Control": "private, no-cache",
            "Content-Disposition": f'attachment; filename="{self.name}"',
            "ETag": self.etag,
            "Repr-Digest": f"sha-256=:{b64encode(bytes.fromhex(self.sha256)).decode()}:",
        }


def requested_span(header: str | None, *, num_bytes: int) -> Span | None:
    """The range a client asks for, or None for the whole file: no header, another unit, several ranges, or nonsense.

    Raises RangeNotSatisfiable when the range lies outside of the file.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        first, last = max(0, num_bytes - int(match[2])), num_bytes - 1
    else:
        first, last = int(match[1]), min(int(match[2] or num_bytes), num_bytes - 1)
        if match[2] and int(match[2]) < int(match[1]):
            return None
    if first > last:
        raise RangeNotSatisfiable(f"The file has {num_bytes} bytes.", headers={"Content-Range": f"bytes */{num_bytes}"})
    return Span(first, last)


async def send(request: Request, download: Download, *, store: ArtifactStore, may_redirect: bool = False) -> Response:
    """Answer with the file, one range of it, 304, or where it is. Raises NotFound when it is gone, Unavailable where
    the store is, and RangeNotSatisfiable.
    """
    if is_known(download.etag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=download.headers)
    condition = request.headers.get("if-range")
    header = request.headers.get("range") if condition in (None, download.etag) else None
    span = requested_span(header, num_bytes=download.num_bytes)
    if may_redirect and (link := await run_in_threadpool(store.link, download.key, seconds=LINK_SECONDS)) is not None:
        return Response(status_code=307, headers={"Location": link, "Cache-Control": "no-store"})
    headers, status = dict(download.headers), 200
    if span is not None:
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{download.num_bytes}"
        status = 206
    whole = span or Span(0, download.num_bytes - 1)
    headers["Content-Length"] = str(whole.num_bytes)
    content = await run_in_threadpool(_content, store, download, whole)
    return StreamingResponse(content, status_code=status, headers=headers, media_type="application/octet-stream")


def _content(store: ArtifactStore, download: Download, span: Span) -> Iterator[bytes]:
    """The bytes of a span, once it is known that the store has the file as it was saved."""
    try:
        size = store.size(download.key)
    except NotFound as error:
        raise NotFound(f"The file {download.name!r} is no longer stored.") from error
    if size != download.num_bytes:
        raise NotFound(f"The file {download.name!r} is damaged.", code="artifact_damaged")
    return store.read(download.key, start=span.first, num_bytes=span.num_bytes)
