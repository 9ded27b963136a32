"""Path traversal: no name that a client can think of leads to a file that is not its own."""

import itertools
import socket
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from models.database import Database
from models.settings import Settings
from tests.api.conftest import Server
from tests.api.steps import CONTENT, running, save_checkpoint

UPS = ("..", "%2e%2e", "%252e%252e", "..%00", "..;", "%c0%ae%c0%ae", "%e0%80%ae", ".%2e", "....", "..\u2025")
SLASHES = ("/", "%2f", "%252f", "\\", "%5c", "%255c", "%c0%af", "%ef%bc%8f")
TARGETS = ("etc/passwd", "trainyard.db", "admin.key")
BARE = (
    "/etc/passwd",
    "//etc/passwd",
    "file:///etc/passwd",
    "C:%5cboot.ini",
    "%00",
    ".",
    "..",
    "%2e",
    "x%00.y",
    "~",
)
CORPUS = sorted(
    {
        prefix + slash.join([up] * depth) + slash + target
        for (up, slash, target), depth, prefix in itertools.product(
            itertools.product(UPS, SLASHES, TARGETS), (1, 4), ("", "a/")
        )
    }
    | set(BARE)
)
SECRET = b"a secret that lies beside the store"


def test_the_corpus_is_large():
    assert len(CORPUS) > 900


@pytest.fixture
def secret(settings: Settings) -> bytes:
    """What an escape would find: the file's content is the key of this service."""
    for folder in (settings.data_dir, settings.data_dir / "artifacts", settings.data_dir / "artifacts" / "jobs"):
        folder.mkdir(exist_ok=True)
        (folder / "admin.key").write_bytes(SECRET)
    return SECRET


def _holds_nothing(content: bytes) -> bool:
    return not any(one in content for one in (SECRET, b"root:", b"SQLite format", CONTENT))


def test_path_traversal_by_the_name_of_an_artifact(
    client: TestClient, database: Database, settings: Settings, secret: bytes
):
    job_id, lease = running(client, database)
    save_checkpoint(database, lease, Path(settings.artifacts))
    client.event_hooks["response"].clear()  # what leads to no route is described by no document
    base = f"/v1/jobs/{job_id}/checkpoints/best/files/"
    assert client.get(base + "weights.safetensors").content == CONTENT
    for name in CORPUS[::3]:
        answer = client.get(base + name)
        is_tidied = not answer.request.url.path.startswith(base)  # by the client, to another address of the interface
        assert answer.status_code in {400, 404, 405, 422} or is_tidied, name
        assert _holds_nothing(answer.content), name


@pytest.mark.parametrize(
    "template",
    ["/v1/datasets/{}", "/v1/jobs/{}", "/v1/jobs/x/metrics/{}", "/v1/jobs/{}/tensorboard", "/v1/jobs/x/checkpoints/{}"],
)
def test_path_traversal_by_an_id(client: TestClient, secret: bytes, template: str):
    client.event_hooks["response"].clear()
    for name in CORPUS[::9]:
        answer = client.get(template.format(name))
        assert answer.status_code in {400, 404, 405, 422} or "?" in name, (template, name, answer.status_code)
        assert _holds_nothing(answer.content), name


def test_path_traversal_by_an_id_deletes_and_writes_nothing(client: TestClient, settings: Settings, secret: bytes):
    client.event_hooks["response"].clear()
    before = sorted(Path(settings.data_dir).rglob("*.key"))
    for name in CORPUS[::9]:
        for answer in (client.delete(f"/v1/datasets/{name}"), client.put(f"/v1/datasets/{name}/content", content=b"x")):
            assert answer.status_code in {400, 404, 405, 422}, name
    assert sorted(Path(settings.data_dir).rglob("*.key")) == before


def test_path_traversal_out_of_the_dashboard(server: Server, settings: Settings, secret: bytes):
    """Over a raw socket: a client library would tidy the path up before it is sent."""
    for name in CORPUS[::9]:
        path = f"/assets/{name}".encode("utf-8", "surrogateescape").replace(b" ", b"%20")
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
        assert answer.split(b" ")[1] in {b"400", b"404"}, (name, answer[:200])
        assert _holds_nothing(answer), name
