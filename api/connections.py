"""One connection to a client: uvicorn's own, with patience that ends.

Uvicorn waits for the rest of a request for as long as the client likes and holds a head of any length, so a few hundred
clients that send a byte now and then could fill the memory and the table of open files. Here a head has a length and a
time, a body has a least rate (as Apache's mod_reqtimeout has it), and an answer that nobody reads is given up.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.errors import MEDIA_TYPE

_logger = logging.getLogger("trainyard.api")

#: What uvicorn is started with besides the application and where it listens.
OPTIONS: Final[dict[str, Any]] = {
    "http": "api.connections:Connection",
    "ws": "none",
    "access_log": False,
    "server_header": False,
    "timeout_graceful_shutdown": 5,  # open event streams would otherwise hold the exit back
}
#: A request's head must be whole by then, and its body begin.
HEAD_SECONDS: Final = 20.0
MAX_HEAD_BYTES: Final = 1 << 16
#: Every so many bytes of a body earn the client another second, up to the most.
BODY_BYTES_PER_SECOND: Final = 500.0
MOST_BODY_SECONDS: Final = 60.0
#: An answer of which the client takes nothing for so long is given up.
STALLED_SECONDS: Final = 60.0
#: Time between two looks at a connection.
LOOK_SECONDS: Final = 5.0
#: What the kernel takes of an answer beyond what is on its way to the client. By itself it takes megabytes, which a
#: thousand clients that do not read would multiply.
UNSENT_BYTES: Final = 1 << 18
#: Open files that are left for the database, artifacts and children.
_OTHER_FILES: Final = 256


class Connection(HttpToolsProtocol):
    """HTTP/1.1 with limits on what a client may send, how slowly it may, and how slowly it may read."""

    _is_in_head = True
    _head_bytes = 0
    _deadline: float | None = None
    _unread_bytes = 0
    _stalled_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch the client; one too many for the table of open files is told so at once."""
        super().connection_made(transport)
        _limit_unsent(transport)
        self._deadline = self.loop.time() + HEAD_SECONDS
        if len(self.connections) > _most_connections():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "There are too many connections; try again later.")
        self.loop.call_later(LOOK_SECONDS, self._look)

    def data_received(self, data: bytes) -> None:
        """Take in a piece of a request; what makes its head too long ends the connection."""
        if self._is_in_head:
            self._head_bytes += len(data)
        now = self.loop.time()
        if self._deadline is None:
            self._deadline = now + HEAD_SECONDS
        elif not self._is_in_head:
            self._deadline = min(self._deadline + len(data) / BODY_BYTES_PER_SECOND, now + MOST_BODY_SECONDS)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The head is longer than {MAX_HEAD_BYTES} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field of the head; fields behind the body are nobody's and are dropped."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: the body follows, at its own pace."""
        self._is_in_head, self._head_bytes = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole: the next move is ours."""
        self._is_in_head, self._deadline = True, None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or could be read in two ways, as the problem that it is."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _look(self) -> None:
        """Give up a client that has run out of time; else look again later."""
        if self.transport.is_closing() and not self.transport.get_write_buffer_size():
            return
        now = self.loop.time()
        if self._is_stalled(now):
            self.transport.abort()
            return
        if self._deadline is not None and now > self._deadline and not self.transport.is_closing():
            if self.flow.read_paused:  # it is us who do not read
                self._deadline = now + HEAD_SECONDS
            else:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time.")
        self.loop.call_later(LOOK_SECONDS, self._look)

    def _is_stalled(self, now: float) -> bool:
        """Whether the client has taken nothing for long of what is only waiting for it."""
        unread = self.transport.get_write_buffer_size()
        is_waiting = unread and (self.flow.write_paused or self.transport.is_closing())
        if not is_waiting or self._stalled_since is None or unread < self._unread_bytes:
            self._stalled_since = now if is_waiting else None
        self._unread_bytes = unread
        return self._stalled_since is not None and now - self._stalled_since > STALLED_SECONDS

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """End the connection, with a problem document where no other answer has begun."""
        if self.transport.is_closing():
            return
        _logger.info("a connection was ended: %s", detail)
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_problem(status, detail))
        self.transport.close()


def _limit_unsent(transport: asyncio.Transport) -> None:
    """Let the kernel hold little for a client that does not read; what is on its way to one that does is unlimited."""
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
        with suppress(OSError):  # a client may be gone before it is served
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def _problem(status: HTTPStatus, detail: str) -> bytes:
    code = status.phrase.lower().replace(" ", "_")
    body = {"type": "about:blank", "title": status.phrase.capitalize(), "status": status.value, "detail": detail}
    content = orjson.dumps({**body, "code": code})
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(content)}\r\n"
        "cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + content


def raise_file_limit() -> None:
    """Let this process open as many files as the system allows it: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _most_connections() -> int:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, allowed - _OTHER_FILES) if allowed != resource.RLIM_INFINITY else 1 << 20
