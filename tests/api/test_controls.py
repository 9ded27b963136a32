"""Steering over HTTP: 202 for a change, 200 for what already holds, 409 with the truth for what can no longer be."""

import pytest
from starlette.testclient import TestClient

from models.database import Database
from models.status import Outcome
from tests.api.steps import finish, problem, running, submit
from tests.models.steps import claim, end


@pytest.mark.parametrize(("verb", "status"), [("cancel", "cancelled"), ("pause", "paused")], ids=["cancel", "pause"])
def test_a_queued_job_obeys_at_once(either_client: TestClient, verb: str, status: str):
    path = f"/v1/jobs/{submit(either_client)['id']}"
    first, second = either_client.post(f"{path}/{verb}"), either_client.post(f"{path}/{verb}")
    assert (first.status_code, first.json()["status"]) == (202, status)
    assert (second.status_code, second.json()["status"]) == (200, status)
    assert either_client.get(path).json() == second.json()


def test_a_running_job_is_asked_and_then_obeys(client: TestClient, database: Database):
    job_id, lease = running(client, database)
    answer = client.post(f"/v1/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
    assert client.post(f"/v1/jobs/{job_id}/cancel").status_code == 200
    end(database, lease, Outcome.CANCELLED)
    assert client.get(f"/v1/jobs/{job_id}").json()["status"] == "cancelled"


def test_a_paused_job_is_resumed_into_the_queue(client: TestClient, database: Database):
    job_id = submit(client)["id"]
    client.post(f"/v1/jobs/{job_id}/pause")
    assert claim(database) is None
    assert client.post(f"/v1/jobs/{job_id}/resume").status_code == 202
    assert client.post(f"/v1/jobs/{job_id}/resume").status_code == 200
    assert claim(database) is not None


def test_a_running_job_is_stopped_once(client: TestClient, database: Database):
    job_id, _ = running(client, database)
    assert client.post(f"/v1/jobs/{job_id}/stop").status_code == 202
    assert client.post(f"/v1/jobs/{job_id}/stop").status_code == 200
    problem(client.post(f"/v1/jobs/{submit(client)['id']}/stop"), 409, "job_status_conflict")


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "retry"])
def test_a_job_that_has_succeeded_stays_so(client: TestClient, database: Database, verb: str):
    job_id, lease = running(client, database)
    finish(database, lease)
    body = problem(client.post(f"/v1/jobs/{job_id}/{verb}"), 409, "job_status_conflict")
    assert body["job_status"] == "succeeded"


def test_a_cancelled_job_can_be_tried_again(client: TestClient, database: Database):
    job_id, lease = running(client, database)
    client.post(f"/v1/jobs/{job_id}/cancel")
    end(database, lease, Outcome.CANCELLED)
    answer = client.post(f"/v1/jobs/{job_id}/retry", json={"from_scratch": True})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    claimed = claim(database)
    assert claimed is not None
    assert claimed.lease.attempt == 2


def test_retry_takes_no_body_or_a_right_one(client: TestClient):
    for number, (content, status) in enumerate(
        [(None, 202), (b"", 202), (b"{}", 202), (b'{"from_scratch": "yes"}', 422), (b'{"form": 1}', 422), (b"[", 400)]
    ):
        path = f"/v1/jobs/{submit(client, name=str(number))['id']}"
        client.post(f"{path}/cancel")
        answer = client.post(f"{path}/retry", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, content


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "stop", "retry"])
def test_a_job_that_is_not_there_cannot_be_steered(client: TestClient, verb: str):
    problem(client.post(f"/v1/jobs/job_00000000-0000-7000-8000-000000000000/{verb}"), 404, "not_found")
