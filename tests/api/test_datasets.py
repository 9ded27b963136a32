"""Datasets over HTTP: declared, uploaded whole or in parts, verified, profiled, trained on, deleted."""

import errno
import hashlib
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from models.database import Database
from models.settings import Settings
from tests.api.conftest import Connect, Server
from tests.api.steps import SPEC, pointers, problem
from tests.fixtures.waiting import wait_for

ROWS = b"a,b,label\n" + b"".join(b"%d,%d,%s\n" % (n % 7, n % 5, b"yes" if n % 7 > 3 else b"no") for n in range(200))
DIGEST = hashlib.sha256(ROWS).hexdigest()


def declare(client: httpx2.Client, content: bytes = ROWS, **fields: Any) -> str:
    declaration = {"name": "rows", "format": "csv", "bytes": len(content), **fields}
    answer = client.post("/v1/datasets", json=declaration)
    assert answer.status_code == 201, answer.text
    return f"/v1/datasets/{answer.json()['id']}"


def profiled(client: httpx2.Client, path: str) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        dataset: dict[str, Any] = client.get(path).json()
        return dataset if dataset["status"] in {"ready", "invalid"} else None

    found = wait_for(over, "the profile", timeout_seconds=60)
    assert found is not None
    return found


def upload(client: httpx2.Client, content: bytes = ROWS, **fields: Any) -> str:
    path = declare(client, content, **fields)
    assert client.put(f"{path}/content", content=content).status_code == 202
    assert profiled(client, path)["status"] == "ready"
    return path


def test_a_dataset_waits_for_its_content(client: TestClient):
    answer = client.post("/v1/datasets", json={"name": "x", "format": "csv", "bytes": 10, "options": {"header": True}})
    dataset = answer.json()
    assert answer.headers["location"] == f"/v1/datasets/{dataset['id']}"
    assert (dataset["status"], dataset["received_bytes"], dataset["profile"]) == ("awaiting_content", 0, None)
    assert dataset["options"] == {"header": True}


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"format": "xls"}, "#/format"),
        ({"bytes": 0}, "#/bytes"),
        ({"bytes": "10"}, "#/bytes"),
        ({"bytes": 1.5}, "#/bytes"),
        ({"sha256": "abc"}, "#/sha256"),
        ({"sha256": "G" * 64}, "#/sha256"),
        ({"name": ""}, "#/name"),
        ({"name": "a\u0007"}, "#/name"),
        ({"options": {"heder": True}}, "#/options/heder"),
        ({"options": {"delimiter": ";;"}}, "#/options/delimiter"),
        ({"options": []}, "#/options"),
        ({"path": "/etc/passwd"}, "#/path"),
        ({"status": "ready"}, "#/status"),
    ],
)
def test_a_mistake_in_a_declaration_is_pointed_at(client: TestClient, fields: dict, pointer: str):
    declaration = {"name": "x", "format": "csv", "bytes": 10, **fields}
    answer = client.post("/v1/datasets", json=declaration)
    assert answer.status_code == 422
    assert pointers(answer.json()) == [pointer]
    assert client.get("/v1/datasets").json()["data"] == []


def test_a_dataset_that_is_too_large_is_refused_when_declared(client: TestClient, settings: Settings):
    declaration = {"name": "x", "format": "csv", "bytes": settings.max_upload_bytes + 1}
    problem(client.post("/v1/datasets", json=declaration), 413, "payload_too_large")


def test_content_becomes_a_profile_and_a_job_trains_on_it(either_client: TestClient):
    path = declare(either_client, sha256=DIGEST)
    answer = either_client.put(f"{path}/content", content=ROWS)
    assert (answer.status_code, answer.json()["status"]) == (202, "profiling")
    dataset = profiled(either_client, path)
    assert (dataset["status"], dataset["sha256"], dataset["received_bytes"]) == ("ready", DIGEST, len(ROWS))
    assert dataset["profile"]["rows"] == 200
    assert [column["name"] for column in dataset["profile"]["columns"]] == ["a", "b", "label"]
    job = either_client.post("/v1/jobs", json={"data": {"dataset": dataset["id"], "target": "label"}})
    assert job.status_code == 201, job.text
    body = problem(
        either_client.post("/v1/jobs", json={"data": {"dataset": dataset["id"], "target": "colour"}}),
        422,
        "invalid_spec",
    )
    assert "label" in body["detail"]
    problem(either_client.delete(path), 409, "dataset_in_use")


def test_a_dataset_that_is_not_ready_cannot_be_trained_on(client: TestClient):
    dataset_id = declare(client).rpartition("/")[2]
    body = problem(client.post("/v1/jobs", json={**SPEC, "data": {"dataset": dataset_id}}), 422, "invalid_spec")
    assert "awaiting_content" in body["detail"]


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


def test_what_cannot_be_read_is_invalid_and_says_where(client: TestClient):
    content = b"a,b\n1,2\n3\n"
    path = declare(client, content)
    client.put(f"{path}/content", content=content)
    dataset = profiled(client, path)
    assert (dataset["status"], dataset["reason"]["code"]) == ("invalid", "invalid_data")
    assert "3" in dataset["reason"]["message"]
    assert dataset["profile"] is None


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


def _begin_upload(server: Server, path: str, num_bytes: int) -> http.client.HTTPConnection:
    """A request whose head is sent and whose body is not."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("PUT", f"{path}/content")
    for name, value in {**server.headers, "Content-Length": str(num_bytes)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection


def test_equal_content_is_stored_once_and_goes_with_its_last_dataset(client: TestClient, settings: Settings):
    stored = Path(settings.artifacts) / "datasets" / DIGEST
    one, two = upload(client), upload(client, name="again")
    assert stored.read_bytes() == ROWS
    assert client.delete(one).status_code == 204
    assert stored.exists()
    assert client.delete(two).status_code == 204
    assert not stored.exists()
    problem(client.get(one), 404, "dataset_not_found")
    problem(client.delete(one), 404, "dataset_not_found")


def test_a_dataset_without_content_can_be_deleted_with_its_part(client: TestClient, settings: Settings):
    path = declare(client)
    client.put(f"{path}/content", content=ROWS[:100], headers={"Upload-Complete": "?0"})
    assert list(Path(settings.artifacts).rglob("ds_*"))
    assert client.delete(path).status_code == 204
    assert not list(Path(settings.artifacts).rglob("ds_*"))


def test_datasets_are_listed_by_page(client: TestClient):
    declared = [declare(client).rpartition("/")[2] for _ in range(3)]
    first = client.get("/v1/datasets?limit=2").json()
    second = client.get(f"/v1/datasets?limit=2&cursor={first['next_cursor']}").json()
    assert [dataset["id"] for dataset in [*first["data"], *second["data"]]] == declared[::-1]
    assert second["next_cursor"] is None


def test_an_unchanged_dataset_is_not_sent_again(client: TestClient):
    path = declare(client)
    etag = client.get(path).headers["etag"]
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    client.put(f"{path}/content", content=ROWS[:10], headers={"Upload-Complete": "?0"})
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 200


def test_a_profile_that_was_interrupted_is_taken_up_by_the_sweep(connect: Connect, app: FastAPI, database: Database):
    client = connect("admin")
    service = app.state.service
    service.profiler.close()
    path = declare(client)
    assert client.put(f"{path}/content", content=ROWS).status_code == 202
    assert client.get(path).json()["status"] == "profiling"
    successor = type(service.profiler)(service.database, service.artifacts, recover_after_seconds=0.0)
    try:
        wait_for(lambda: (successor.recover(), client.get(path).json()["status"] == "ready")[1], "the profile")
    finally:
        successor.close()
