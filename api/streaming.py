"""Server-sent events: the wire format is the framework's, the waiting is the watcher's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import StreamingResponse

from api.negotiation import VARY
from api.replies import json_bytes

MEDIA_TYPE: Final = "text/event-stream"
KEEPALIVE: Final = KEEPALIVE_COMMENT
KEEPALIVE_SECONDS: Final = 15.0
#: How a route documents that it may answer with a stream.
CONTENT: Final = {MEDIA_TYPE: {"schema": {"type": "string", "description": "Server-sent events."}}}
#: A stream outlives an outage of the database, and looks again after this time.
OUTAGE_PAUSE_SECONDS: Final = 1.0

#: How long a client waits before it connects again after a cut.
_RETRY_MILLISECONDS: Final = 3000


def frame(event: str, data: Any, *, identifier: int | None = None) -> bytes:
    """One event. Only frames with an identifier move the client's `Last-Event-ID`."""
    return format_sse_event(
        event=event, data_str=json_bytes(data).decode(), id=None if identifier is None else str(identifier)
    )


def greeting() -> bytes:
    """The first bytes of a stream: they open it through every proxy and set the pause before a reconnect."""
    return format_sse_event(comment="open", retry=_RETRY_MILLISECONDS)


def event_stream(frames: AsyncIterator[bytes]) -> StreamingResponse:
    """The answer that carries the frames as they come."""
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **VARY}
    return StreamingResponse(frames, headers=headers, media_type=MEDIA_TYPE)
