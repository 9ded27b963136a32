"""The audit log over HTTP: who is told of what, what a line holds, and that a flood of refusals does not fill it."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api import refusals
from models.database import Database
from tests.api.conftest import Connect, make_key
from tests.api.steps import SPEC, problem, submit


def lines(client: TestClient, query: str = "") -> list[dict]:
    answer = client.get(f"/v1/audit{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_a_line_says_who_did_what_when_and_from_where(client: TestClient):
    answer = client.post("/v1/jobs", json=SPEC, headers={"X-Request-ID": "mine-1"})
    (line,) = lines(client)
    assert line["actor"] == client.get("/v1/keys").json()["data"][0]["id"]
    assert line["resource"] == answer.json()["id"]
    assert {name: line[name] for name in ("operation", "project", "address", "request_id", "outcome", "status")} == {
        "operation": "create_job",
        "project": "default",
        "address": "testclient",
        "request_id": "mine-1",
        "outcome": "done",
        "status": None,
    }
    assert line["at"] >= answer.json()["created_at"]


def test_a_replay_and_a_dry_run_change_nothing_and_are_not_told(client: TestClient):
    for _ in range(2):
        client.post("/v1/jobs", json=SPEC, headers={"Idempotency-Key": '"once"'})
    client.post("/v1/jobs?dry_run=schema", json=SPEC)
    assert len(lines(client)) == 1


def test_refusals_are_told_with_their_status(client: TestClient, connect: Connect):
    job_id = submit(client)["id"]
    reader = connect("jobs:read")
    reader.delete(f"/v1/jobs/{job_id}")
    client.delete(f"/v1/jobs/{job_id}")
    client.delete("/v1/jobs/job_none")
    client.get("/v1/jobs/job_none")
    client.post("/v1/jobs", json={})
    client.delete("/nowhere")
    connect(key="ty_no_no").get("/v1/jobs")
    told = [(line["operation"], line["resource"], line["status"]) for line in lines(client, "?outcome=refused")]
    assert told == [
        ("list_jobs", None, 401),
        ("delete_job", "job_none", 404),
        ("delete_job", job_id, 409),
        ("delete_job", job_id, 403),
    ]


def test_a_project_reads_its_own_lines_and_who_runs_the_service_all(client: TestClient, connect: Connect):
    submit(client)
    theirs = connect("admin", project="other")
    submit(theirs)
    assert {line["project"] for line in lines(theirs)} == {"other"}
    problem(theirs.get("/v1/audit?project=default"), 403, "forbidden")
    assert {line["project"] for line in lines(client, "?outcome=done")} == {"other", "default"}
    assert {line["project"] for line in lines(client, "?project=other")} == {"other"}


def test_the_log_is_read_by_page_and_filter(client: TestClient):
    jobs = [submit(client)["id"] for _ in range(3)]
    first = client.get("/v1/audit?limit=2").json()
    second = client.get(f"/v1/audit?limit=2&cursor={first['next_cursor']}").json()
    assert [line["resource"] for page in (first, second) for line in page["data"]] == jobs[::-1]
    problem(client.get(f"/v1/audit?outcome=done&cursor={first['next_cursor']}"), 400, "invalid_cursor")
    assert [line["resource"] for line in lines(client, f"?resource={jobs[1]}")] == [jobs[1]]
    assert lines(client, "?operation=cancel_job") == []
    assert lines(client, "?after=2100-01-01T00:00:00Z") == []
    assert len(lines(client, "?before=2100-01-01T00:00:00Z")) == 3
    problem(client.get("/v1/audit?before=2100-01-01"), 422, "invalid_parameter")


def test_bodies_and_secrets_are_not_in_it(client: TestClient, connect: Connect, database: Database):
    text = make_key(database, "jobs:read")
    connect(key=text).post("/v1/jobs?label.a=canary", json={"name": "canary"})
    connect(key=text[:-1]).get("/v1/jobs?name=canary")
    made = client.post("/v1/keys", json={"name": "canary", "scopes": ["jobs:read"]}).json()["key"]
    written = client.get("/v1/audit").text
    assert [secret for secret in (text, text[:-1], made, "canary") if secret in written] == []


def test_a_flood_of_refusals_is_counted_and_not_written(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(refusals, "_PER_ADDRESS", 3)
    kept = app.state.service.refusals
    kept._clock = lambda: 600.0
    for number in range(10):
        client.delete(f"/v1/jobs/{number}")
    assert len(lines(client)) == 3
    kept._clock = lambda: 660.0
    client.delete("/v1/jobs/later")
    newest = lines(client)[0]
    assert (newest["resource"], newest["unrecorded"]) == ("later", 7)
