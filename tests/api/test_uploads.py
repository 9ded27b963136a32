"""Uploads: whole or in parts, cut, doubled, too long, too short, wrong: what is stored is what was declared."""

import asyncio
import errno
import hashlib
import http.client
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.auditing import Change
from api.uploads import Upload
from models import datasets
from models.audit import Entry
from models.errors import Conflict
from models.settings import Settings
from tests.api.conftest import Connect, Server
from tests.api.steps import problem
from tests.api.uploading import DIGEST, ROWS, declare, profiled, upload
from tests.fixtures.waiting import wait_for


def test_parts_are_put_together(client: TestClient):
    path = declare(client, sha256=DIGEST)
    for start in range(0, 900, 300):
        headers = {"Upload-Offset": str(start), "Upload-Complete": "?0"}
        answer = client.put(f"{path}/content", content=ROWS[start : start + 300], headers=headers)
        assert (answer.status_code, answer.json()["received_bytes"]) == (200, start + 300)
        assert answer.headers["upload-offset"] == str(start + 300)
    assert client.get(path).json()["received_bytes"] == 900
    assert client.put(f"{path}/content", content=ROWS[900:], headers={"Upload-Offset": "900"}).status_code == 202
    assert profiled(client, path)["status"] == "ready"


def test_a_part_at_the_wrong_place_is_told_the_right_one(client: TestClient):
    path = declare(client)
    client.put(f"{path}/content", content=ROWS[:100], headers={"Upload-Complete": "?0"})
    for offset in ("0", "99", "101"):
        answer = client.put(f"{path}/content", content=ROWS[100:], headers={"Upload-Offset": offset})
        assert problem(answer, 409, "upload_offset_mismatch")["received_bytes"] == 100
        assert answer.headers["upload-offset"] == "100"


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("Upload-Offset", "-1", "invalid_upload_offset"),
        ("Upload-Offset", "ten", "invalid_upload_offset"),
        ("Upload-Offset", "9" * 40, "invalid_upload_offset"),
        ("Upload-Complete", "no", "invalid_upload_complete"),
        ("Upload-Complete", "?2", "invalid_upload_complete"),
    ],
)
def test_a_malformed_header_is_refused(client: TestClient, header: str, value: str, code: str):
    problem(client.put(f"{declare(client)}/content", content=ROWS, headers={header: value}), 400, code)


def test_a_form_or_packed_content_is_refused(client: TestClient):
    path = declare(client)
    form = client.put(f"{path}/content", files={"file": ROWS})
    packed = client.put(f"{path}/content", content=ROWS, headers={"Content-Encoding": "gzip"})
    problem(form, 415, "unsupported_media_type")
    problem(packed, 415, "unsupported_media_type")


def test_content_that_ends_early_can_be_continued(client: TestClient):
    path = declare(client)
    body = problem(client.put(f"{path}/content", content=ROWS[:500]), 422, "content_incomplete")
    assert body["received_bytes"] == 500
    assert client.get(path).json()["received_bytes"] == 500
    assert client.put(f"{path}/content", content=ROWS[500:], headers={"Upload-Offset": "500"}).status_code == 202


def test_content_longer_than_declared_is_refused_and_not_kept(client: TestClient, settings: Settings):
    path = declare(client)
    problem(client.put(f"{path}/content", content=ROWS + b"x"), 413, "payload_too_large")
    problem(client.put(f"{path}/content", content=_blocks(ROWS, b"x" * 100_000)), 413, "payload_too_large")
    assert sum(file.stat().st_size for file in Path(settings.artifacts).rglob("ds_*")) <= len(ROWS)


def _blocks(*blocks: bytes) -> Iterator[bytes]:
    yield from blocks


def test_content_that_is_not_what_was_declared_is_refused_and_may_come_again(client: TestClient):
    path = declare(client, sha256=DIGEST)
    body = problem(client.put(f"{path}/content", content=ROWS[::-1]), 422, "digest_mismatch")
    assert DIGEST in body["detail"]
    assert client.get(path).json()["received_bytes"] == 0
    assert client.put(f"{path}/content", content=ROWS).status_code == 202


def test_content_comes_once(client: TestClient):
    path = upload(client)
    problem(client.put(f"{path}/content", content=ROWS), 409, "content_complete")


def test_a_cut_upload_keeps_what_arrived(server: Server):
    content = ROWS * 2000
    digest = hashlib.sha256(content).hexdigest()
    staged = Path(server.app.state.service.settings.artifacts) / "uploads"
    with server.client() as client:
        path = declare(client, content, sha256=digest, options={"header": False, "columns": ["a", "b", "c"]})
        cut = _begin_upload(server, path, len(content))
        cut.send(content[: len(content) // 2])
        wait_for(lambda: any(file.stat().st_size for file in staged.glob("ds_*")), "bytes on disk")
        cut.close()
        offset = wait_for(lambda: client.get(path).json()["received_bytes"], "the part to be noted")
        assert 0 < offset <= len(content) // 2
        rest = client.put(f"{path}/content", content=content[offset:], headers={"Upload-Offset": str(offset)})
        assert rest.status_code == 202, rest.text
        assert client.get(path).json()["sha256"] == digest


def test_a_full_disk_is_told_and_nothing_is_taken_for_stored(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = declare(client)
    with monkeypatch.context() as patched:
        patched.setattr("api.uploads.os.fsync", full)
        answer = client.put(f"{path}/content", content=ROWS)
    assert "disk is full" in problem(answer, 503, "storage_full")["detail"]
    assert answer.headers["retry-after"] == "60"
    assert client.get(path).json()["received_bytes"] == 0
    assert client.put(f"{path}/content", content=ROWS).status_code == 202


def test_two_uploads_of_one_dataset_do_not_mix(server: Server):
    staged = Path(server.app.state.service.settings.artifacts) / "uploads"
    with server.client() as client:
        path = declare(client, sha256=DIGEST)
        first = _begin_upload(server, path, len(ROWS))
        wait_for(lambda: list(staged.glob("ds_*")), "the first upload to begin")
        problem(client.put(f"{path}/content", content=ROWS), 409, "upload_conflict")
        first.send(ROWS)
        assert first.getresponse().status == 202
        first.close()


def test_a_request_that_looked_too_early_cannot_undo_a_faster_one(connect: Connect, app: FastAPI):
    client = connect("admin")
    path = declare(client, sha256=DIGEST)
    service = app.state.service
    with service.database.reading() as connection:
        stale = datasets.get(connection, project="default", dataset_id=path.rpartition("/")[2])
    client.put(f"{path}/content", content=ROWS[:500], headers={"Upload-Complete": "?0"})

    async def late() -> AsyncIterator[bytes]:
        yield b"x" * 10

    change = Change(service, Entry(project="default", actor=None, operation="upload_content"))
    with pytest.raises(Conflict, match="500 bytes have arrived"):
        asyncio.run(Upload(service, stale, 0, change).receive(late(), is_last=False))
    assert client.put(f"{path}/content", content=ROWS[500:], headers={"Upload-Offset": "500"}).status_code == 202


def _begin_upload(server: Server, path: str, num_bytes: int) -> http.client.HTTPConnection:
    """A request whose head is sent and whose body is not."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("PUT", f"{path}/content")
    for name, value in {**server.headers, "Content-Length": str(num_bytes)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection
