"""The whole service on one machine: broker, API and one worker, and what each of them needs."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

from launcher import broker
from launcher.errors import PortTaken
from launcher.folder import DataFolder
from launcher.supervision import Part
from models.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
"""Where `api`, `models` and `worker` live: the working directory of every part."""


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on `host` and `port` (0: a free one) while the block runs. Raises PortTaken, or OSError for a bad host."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(2048)
        except OSError as error:
            if isinstance(error, PermissionError) or not address[1]:
                raise
            raise PortTaken(
                f"port {port} on {host} is taken: choose another with --port (0 picks a free one)"
            ) from error
        yield listener


def url_of(listener: socket.socket) -> str:
    """Return the URL at which a browser on this machine reaches `listener`."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


@dataclass(frozen=True)
class Plan:
    """How the parts of the service are started for these settings."""

    settings: Settings
    folder: DataFolder
    listener: socket.socket

    def parts(self) -> list[Part]:
        """Return the parts in the order of their start. Raises broker.NoBroker when none can be embedded."""
        embedded = [self._broker()] if self.settings.broker_url is None else []
        return [*embedded, self._api(), self._worker()]

    def _broker(self) -> Part:
        command = broker.command(socket=self.settings.broker_socket, folder=self.folder.path / "broker")
        part = self._part("broker", command)
        # SIGTERM would let it remove, on its way out, the socket of the broker that replaces it
        part.when_orphaned, part.stops_last = SIGKILL, True
        return part

    def _api(self) -> Part:
        descriptor = self.listener.fileno()
        part = self._part("api", [sys.executable, "-m", "launcher.api", str(descriptor)])
        part.keep = (descriptor,)
        return part

    def _worker(self) -> Part:
        command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker", "-P", "threads"]
        command += ["-Q", self.settings.pool]
        command += ["--without-gossip", "--without-mingle", "--loglevel", self.settings.log_level]
        part = self._part("worker", command)
        part.grace_seconds = self.settings.drain_seconds + self.settings.stop_grace_seconds + 5
        return part

    def _part(self, name: str, command: list[str]) -> Part:
        return Part(name, command, log=self.folder.log(name), directory=ROOT, environment=self._environment())

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "TRAINYARD_DATA_DIR": str(self.folder.path),
            "TRAINYARD_HOST": self.settings.host,
            "TRAINYARD_PORT": str(self.listener.getsockname()[1]),
            "PYTHONFAULTHANDLER": "1",  # a crash of some library leaves in the log where every thread was
            "PYTHONUNBUFFERED": "1",
        }
