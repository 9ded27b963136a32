"""Lists that fetch their next page when it is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from ._transport import Transport


def listing(
    transport: Transport, path: str, *, params: Mapping[str, Any] | None = None, limit: int | None = None
) -> Iterator[Mapping[str, Any]]:
    """The things of a list, newest first, page after page; at most `limit` of them when given."""
    return islice(_everything(transport, path, dict(params or {}), page=min(limit or 100, 200)), limit)


def _everything(transport: Transport, path: str, params: dict[str, Any], *, page: int) -> Iterator[Mapping[str, Any]]:
    cursor: str | None = None
    while True:
        document = transport.get(path, params={**params, "limit": max(page, 1), "cursor": cursor})
        yield from document["data"]
        cursor = document.get("next_cursor")
        if cursor is None:
            return
