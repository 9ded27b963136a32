"""A network that can be cut: a TCP relay between the client and the real API."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK_BYTES = 16 << 10


class Relay:
    """Passes bytes on until it is told to cut. Every new connection starts afresh."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: set[socket.socket] = set()
        self._budgets: list[tuple[str, int]] = []
        self._lock = threading.Lock()
        self.num_connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut_after(self, num_bytes: int, *, of: str) -> None:
        """Cut the next connection once so many bytes `of` "answers" or "requests" have gone over; may be queued up."""
        self._budgets.append((of, num_bytes))

    def cut(self) -> None:
        """Cut every connection that stands now."""
        with self._lock:
            standing = list(self._connections)
        for connection in standing:
            _close(connection)

    def serve(self) -> None:
        """Accept until the listener is closed."""
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.num_connections += 1
            far = socket.create_connection(self._target)
            of, budget = self._budgets.pop(0) if self._budgets else ("answers", None)
            with self._lock:
                self._connections |= {near, far}
            for source, sink, limit in (
                (near, far, budget if of == "requests" else None),
                (far, near, budget if of == "answers" else None),
            ):
                threading.Thread(target=self._pass_on, args=(source, sink, limit), daemon=True).start()

    def close(self) -> None:
        # shutdown, because closing a socket does not wake the thread that accepts on it
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _pass_on(self, source: socket.socket, sink: socket.socket, left: int | None) -> None:
        with suppress(OSError):
            while left != 0 and (chunk := source.recv(_CHUNK_BYTES if left is None else min(left, _CHUNK_BYTES))):
                sink.sendall(chunk)
                left = None if left is None else left - len(chunk)
        _close(source)
        _close(sink)
        with self._lock:
            self._connections -= {source, sink}


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """A relay to a port of this machine, until the block ends."""
    made = Relay(port)
    thread = threading.Thread(target=made.serve, name="relay")
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join(timeout=5)


def _close(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
