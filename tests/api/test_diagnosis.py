"""The diagnosis over HTTP: what was found, in order, with a patch that a fork takes."""

from starlette.testclient import TestClient

from models import leases
from models.database import Database
from tests.api.steps import problem, running, submit
from tests.models.steps import held

PATCH = {"network": {"type": "mlp", "hidden": [8], "norm": "layer"}}


def test_findings_are_listed_and_their_patch_is_one_that_fork_takes(client: TestClient, database: Database):
    job_id, lease = running(client, database)
    said = {"severity": "warning", "message": "Nothing arrives.", "evidence": {"gradients": {"a": 1e-9}}}
    with held(database, lease) as connection:
        suggestion = {"message": "Normalize.", "patch": PATCH}
        leases.found(connection, lease, rule="vanishing_gradient", step=3, said={**said, "suggestion": suggestion})
    (found,) = client.get(f"/v1/jobs/{job_id}/diagnosis").json()["data"]
    assert {name: found[name] for name in said} == said
    assert (found["rule"], found["first_step"]) == ("vanishing_gradient", 3)
    fork = client.post(f"/v1/jobs/{job_id}/fork", json={"patch": found["suggestion"]["patch"]})
    assert fork.status_code == 201
    assert fork.json()["resolved_spec"]["network"]["norm"] == "layer"


def test_a_job_in_which_nothing_was_found_has_an_empty_list(client: TestClient):
    assert client.get(f"/v1/jobs/{submit(client)['id']}/diagnosis").json() == {"data": []}


def test_a_job_that_is_not_there_has_no_diagnosis(client: TestClient):
    problem(client.get("/v1/jobs/job_00000000-0000-7000-8000-000000000000/diagnosis"), 404, "not_found")
