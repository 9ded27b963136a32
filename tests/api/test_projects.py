"""Projects: made, limited, put to sleep and woken, by who runs the service; read by their own keys."""

import pytest
from starlette.testclient import TestClient

from models.database import Database
from tests.api.conftest import Connect
from tests.api.steps import SPEC, pointers, problem, running, submit


def test_a_project_is_made_once_and_read_with_what_it_takes(client: TestClient):
    body, headers = {"name": "risk", "quotas": {"queued_jobs": 5}}, {"Idempotency-Key": '"once"'}
    made = client.post("/v1/projects", json=body, headers=headers)
    assert (made.status_code, made.headers["location"]) == (201, "/v1/projects/risk")
    assert client.post("/v1/projects", json=body, headers=headers).json() == made.json()
    problem(client.post("/v1/projects", json=body), 409, "project_exists")
    quotas = client.get("/v1/projects/risk").json()["quotas"]
    assert quotas["queued_jobs"] == {"used": 0, "limit": 5, "source": "project"}
    assert quotas["running_jobs"] == {"used": 0, "limit": None, "source": "default"}
    assert quotas["gpu_seconds"]["resets_at"].endswith("-01T00:00:00.000000Z")
    problem(client.get("/v1/projects/nobodys"), 404, "not_found")


def test_projects_are_listed_by_page(client: TestClient):
    for name in ("a", "b", "c"):
        client.post("/v1/projects", json={"name": name})
    first = client.get("/v1/projects?limit=3").json()
    second = client.get(f"/v1/projects?limit=3&cursor={first['next_cursor']}").json()
    assert [project["name"] for page in (first, second) for project in page["data"]] == ["c", "b", "a", "default"]


def test_a_key_reads_its_own_project_alone(client: TestClient, connect: Connect):
    client.post("/v1/projects", json={"name": "risk"})
    reader = connect("metrics:read", project="risk")
    assert reader.get("/v1/projects/risk").json()["name"] == "risk"
    problem(reader.get("/v1/projects/default"), 404, "not_found")
    problem(connect("admin", project="risk").get("/v1/projects/default"), 404, "not_found")


@pytest.mark.parametrize(
    ("quotas", "pointer"),
    [
        ({"queued_jobs": -1}, "#/quotas/queued_jobs"),
        ({"running_jobs": "many"}, "#/quotas/running_jobs"),
        ({"cpu_seconds": 1}, "#/quotas/cpu_seconds"),
        ({"gpu_seconds": 1.5}, "#/quotas/gpu_seconds"),
    ],
)
def test_a_mistake_in_a_quota_is_pointed_at(client: TestClient, quotas: dict, pointer: str):
    body = problem(client.patch("/v1/projects/default", json={"quotas": quotas}), 422, "invalid_body")
    assert {found[: len(pointer)] for found in pointers(body)} == {pointer}


def test_a_projects_own_limits_come_before_the_defaults(client: TestClient, connect: Connect):
    def limited(**quotas: object) -> dict:
        answer = client.patch("/v1/projects/default", json={"quotas": quotas})
        assert answer.status_code == 200, answer.text
        return answer.json()["quotas"]

    submit(client)
    assert limited(queued_jobs=1)["queued_jobs"] == {"used": 1, "limit": 1, "source": "project"}
    body = problem(client.post("/v1/jobs", json=SPEC), 429, "quota_exceeded")
    assert (body["quota"], body["limit"]) == ("queued_jobs", 1)
    assert connect("admin", project="other").post("/v1/jobs", json=SPEC).status_code == 201
    assert limited(queued_jobs="unlimited")["queued_jobs"]["limit"] is None
    assert client.post("/v1/jobs", json=SPEC).status_code == 201
    assert limited(queued_jobs=None, dataset_bytes=10)["queued_jobs"]["source"] == "default"
    declared = {"name": "a", "format": "csv", "bytes": 11}
    assert problem(client.post("/v1/datasets", json=declared), 429, "quota_exceeded")["quota"] == "dataset_bytes"
    assert client.get("/v1/datasets").json()["data"] == []


def test_a_job_above_the_limit_of_running_ones_waits_and_says_why(client: TestClient, database: Database):
    client.patch("/v1/projects/default", json={"quotas": {"running_jobs": 1}})
    running(client, database)
    waiting = submit(client)
    assert client.get(f"/v1/jobs/{waiting['id']}").json()["queue"]["reason"] in {"no_worker", "quota"}
    assert client.get("/v1/projects/default").json()["quotas"]["running_jobs"]["used"] == 1


def test_a_closed_project_sleeps_and_an_open_one_goes_on(client: TestClient, connect: Connect, database: Database):
    theirs = connect("admin", project="risk")
    job_id, _ = running(theirs, database)
    waiting = submit(theirs)["id"]
    closed = client.post("/v1/projects/risk/close").json()
    assert closed["closed_at"] is not None
    assert client.post("/v1/projects/risk/close").json()["closed_at"] == closed["closed_at"]
    problem(theirs.get("/v1/jobs"), 401, "unauthorized")
    body = {"name": "x", "scopes": ["jobs:read"], "project": "risk"}
    problem(client.post("/v1/keys", json=body), 409, "project_closed")
    assert client.post("/v1/projects/risk/open").json()["closed_at"] is None
    assert theirs.get(f"/v1/jobs/{job_id}").json()["status"] == "pausing"
    assert theirs.get(f"/v1/jobs/{waiting}").json()["status"] == "queued"


def test_nobody_closes_the_project_that_they_speak_for(client: TestClient):
    problem(client.post("/v1/projects/default/close"), 409, "own_project")
    problem(client.post("/v1/projects/nobodys/close"), 404, "not_found")
    problem(client.post("/v1/projects/nobodys/open"), 404, "not_found")
