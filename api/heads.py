"""HEAD, as HTTP wants it of every resource that answers GET: the same status and headers, and no content (RFC 9110)."""

from __future__ import annotations

from starlette.requests import ClientDisconnect
from starlette.types import Message, Scope, Send

#: Where a request's own method is kept while it is answered as a GET.
ASKED = "trainyard.method"


def as_get(scope: Scope) -> Scope:
    """The request as a GET."""
    return {**scope, "method": "GET", ASKED: scope["method"]}


class Headless:
    """Sends the head of an answer, ends there, and stops whoever goes on to stream content."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: Message) -> None:
        """Raises ClientDisconnect, as if the client had left, where more content is announced."""
        if message["type"] == "http.response.start":
            await self._send(message)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        elif message.get("more_body"):
            raise ClientDisconnect
