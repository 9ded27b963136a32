"""Posts to a name whose server answers with one address first and loopback from then on, and prints what came of it.

Run as a process of its own: where the system allows, in a network of its own, in which the first address is public and
answers, the system's resolver asks the name server, and nothing else can be reached.
"""

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from api import outbound
from models.settings import Settings
from tests.fixtures.name_server import look_up, serving_names

NAME = "rebinding.example.com"
#: Of a well-known public host; in a network of one's own nobody else has it.
PUBLIC = "93.184.215.14"
STAND_IN = "127.0.0.2"  #: Where there is no network of one's own; that address alone is allowed then.
PRIVATE = "127.0.0.1"
_OWN_NETWORK = """
ip link set lo up && ip addr add {public}/32 dev lo &&
mount --bind {folder}/resolv.conf /etc/resolv.conf && mount --bind {folder}/nsswitch.conf /etc/nsswitch.conf &&
exec "$@"
"""


def command(folder: Path) -> list[str]:
    """How this file is run, in a network of its own if there can be one; `folder` is for the resolver's files."""
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:5 attempts:2\n")
    (folder / "nsswitch.conf").write_text("hosts: dns\n")
    script = _OWN_NETWORK.format(public=PUBLIC, folder=folder)
    own = ["unshare", "--user", "--map-root-user", "--mount", "--net", "sh", "-c", script, "sh"]
    words = [sys.executable, "-m", "tests.api.threats.rebinding"]
    if shutil.which("unshare") and subprocess.run([*own, "true"], capture_output=True, check=False).returncode == 0:
        return [*own, *words, "own"]
    return [*words, "shared"]


def rebind(*, is_own: bool) -> dict[str, Any]:
    """Post twice; who was connected to, what the name server was asked, and what was said of each."""
    first, allowed = (PUBLIC, []) if is_own else (STAND_IN, Settings(dataset_urls=f"{STAND_IN}/32").import_networks)
    with (
        listening(first) as (port, public),
        listening(PRIVATE, port=port) as (_, private),
        serving_names([first, PRIVATE], port=53 if is_own else 0) as server,
    ):
        if not is_own:
            _resolve_by(server.port)
        outcomes = [_post(f"https://{NAME}:{port}/hook", allowed) for _ in range(2)]
    return {"outcomes": outcomes, "asked": server.asked, "first": public, "private": private, "is_own": is_own}


def _post(url: str, allowed: Any) -> str:
    try:
        outbound.post(url, content=b"{}", headers={}, allowed=allowed)
    except (outbound.Refused, outbound.Unreachable) as error:
        return f"{type(error).__name__}: {error}"
    return "answered"


def _resolve_by(port: int) -> None:
    """Have this process ask the name server on that port, which no setting of the system can name."""
    real = socket.getaddrinfo

    def lookup(host: str, service: Any, *words: Any, **named: Any) -> Any:
        return real(look_up(host, port=port) if host == NAME else host, service, *words, **named)

    socket.getaddrinfo = lookup


@contextmanager
def listening(address: str, *, port: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Listen there until the block ends; the beginning of what every connection sends, which gets no answer."""
    said: list[str] = []
    with socket.create_server((address, port)) as listener:

        def take() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    hello = connection.recv(4096)
                if not hello:
                    return
                said.append("the name" if NAME.encode() in hello else "something else")

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield listener.getsockname()[1], said
        finally:
            socket.create_connection(listener.getsockname()).close()
            thread.join()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(rebind(is_own=sys.argv[1] == "own")))
