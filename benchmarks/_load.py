"""An HTTP client that makes load: so many connections, each with one request in flight, over raw sockets.

It does as little as it can for a request (no parsing beyond status and length), so that the server is what is measured.
Client and server share the machine all the same: where cores are few, rates are lower than a server alone would show,
for every server alike.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import quantiles
from typing import cast
from urllib.parse import urlsplit

import uvloop

#: Makes the bytes of the n-th request.
Requests = Callable[[int], bytes]


@dataclass(frozen=True)
class Load:
    """What a server did under load: answers a second, and how long each took."""

    rate: float
    milliseconds: list[float]

    @property
    def p50(self) -> float:
        """The median answer's time in milliseconds."""
        return quantiles(self.milliseconds, n=2)[0]

    @property
    def p99(self) -> float:
        """The time in milliseconds that one answer in a hundred took longer than."""
        return quantiles(self.milliseconds, n=100)[-1]


def request(method: str, path: str, *, key: str | None = None, body: bytes = b"", host: str = "127.0.0.1") -> bytes:
    """The bytes of an HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Accept: application/json"]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def pump(url: str, requests: Requests, *, connections: int, seconds: float) -> Load:
    """Send requests for so long, as fast as the answers come. Raises RuntimeError on an answer that is no success."""
    return uvloop.run(_pump(url, requests, connections=connections, seconds=seconds))


async def _pump(url: str, requests: Requests, *, connections: int, seconds: float) -> Load:
    address = urlsplit(url)
    run = _Run(requests, time.perf_counter() + seconds)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: _Connection(run), address.hostname, address.port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for _, connection in opened))
    return Load(len(run.milliseconds) / (time.perf_counter() - began), run.milliseconds)


class _Run:
    """What the connections of one run share."""

    def __init__(self, requests: Requests, deadline: float) -> None:
        self.milliseconds: list[float] = []
        self.deadline = deadline
        self._requests = requests
        self._number = -1

    def next(self) -> bytes:
        self._number += 1
        return self._requests(self._number)


class _Connection(asyncio.Protocol):
    """Sends a request, waits for the answer, sends the next."""

    def __init__(self, run: _Run) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._run = run
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none by its class
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        head = self._received.find(b"\r\n\r\n")
        if head < 0 or len(self._received) < head + 4 + _length(self._received[:head]):
            return
        now = time.perf_counter()
        self._run.milliseconds.append(1000 * (now - self._sent))
        if self._received[9:10] != b"2":
            self._finish(RuntimeError(self._received[:2000].decode()))
        elif now >= self._run.deadline:
            self._finish(None)
        else:
            self._received = b""
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._finish(error or RuntimeError("the server closed the connection"))

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._run.next())

    def _finish(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None) if error is None else self.done.set_exception(error)
        self._transport.close()


def _length(head: bytes) -> int:
    """The Content-Length of an answer."""
    lower = head.lower()
    start = lower.index(b"content-length:") + 15
    end = lower.find(b"\r\n", start)
    return int(lower[start : end if end >= 0 else len(lower)])
