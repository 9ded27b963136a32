"""Datasets over HTTP: declared, profiled, trained on, listed, deleted."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from models.database import Database
from models.settings import Settings
from tests.api.conftest import Connect
from tests.api.steps import SPEC, pointers, problem
from tests.api.uploading import DIGEST, ROWS, declare, profiled, upload
from tests.fixtures.waiting import wait_for


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


def test_what_cannot_be_read_is_invalid_and_says_where(client: TestClient):
    content = b"a,b\n1,2\n3\n"
    path = declare(client, content)
    client.put(f"{path}/content", content=content)
    dataset = profiled(client, path)
    assert (dataset["status"], dataset["reason"]["code"]) == ("invalid", "invalid_data")
    assert "3" in dataset["reason"]["message"]
    assert dataset["profile"] is None


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
