"""A job's log, line by line."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from typing import Final

from . import _streams
from ._transport import Transport

#: Says at which byte of the log the next reading goes on.
_NEXT_AFTER: Final = "X-Next-After"


def lines(transport: Transport, path: str, *, tail: int | None, follow: bool) -> Iterator[str]:
    """The lines there are; with `follow`, also those to come until the job ends."""
    parts = _live(transport, path, tail=tail) if follow else _stored(transport, path, tail=tail)
    return _whole_lines(parts)


def _stored(transport: Transport, path: str, *, tail: int | None) -> Iterator[str]:
    decoder = getincrementaldecoder("utf-8")(errors="replace")
    params = {"after": 0} if tail is None else {"tail": tail}
    while True:
        response = transport.request("GET", path, params=params, headers={"Accept": "text/plain"})
        yield decoder.decode(response.content)
        after = int(response.headers.get(_NEXT_AFTER, 0))
        if tail is not None or after <= params["after"]:
            return
        params = {"after": after}


def _live(transport: Transport, path: str, *, tail: int | None) -> Iterator[str]:
    for frame in _streams.frames(transport, path, live={_streams.END}, params={"tail": tail}):
        if frame.kind == _streams.LOG:
            yield str(frame.data["text"])


def _whole_lines(parts: Iterable[str]) -> Iterator[str]:
    rest = ""
    for part in parts:
        *whole, rest = (rest + part).split("\n")
        yield from whole
    if rest:
        yield rest
