"""Forks and reproductions know where they come from, and a comparison says what is different and no more."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models import checkpoints, jobs
from models.database import Database
from models.settings import Settings
from models.status import Outcome
from tests.api.conftest import Connect
from tests.api.steps import pointers, problem, running, save_checkpoint, submit, write_points
from tests.models.steps import end


def trained(client: TestClient, database: Database, artifacts: Path, **fields: Any) -> str:
    """A job with a checkpoint that is over."""
    identifier, lease = running(client, database, **fields)
    save_checkpoint(database, lease, artifacts)
    result = {
        "weights_sha256": "a" * 64,
        "test": {"accuracy": 0.5},
        "best": {"metric": "validation/loss", "value": 0.1},
    }
    end(database, lease, Outcome.SUCCEEDED, result=result)
    return identifier


@pytest.fixture
def artifacts(settings: Settings) -> Path:
    return Path(settings.artifacts)


def test_a_fork_has_the_spec_of_its_parent_with_the_changes(client: TestClient):
    parent = submit(client, name="first", optimizer={"type": "sgd", "learning_rate": 0.1}, labels={"team": "a"})
    patch = {"name": "second", "optimizer": {"learning_rate": 0.01}, "labels": None}
    answer = client.post(f"/v1/jobs/{parent['id']}/fork", json={"patch": patch})
    child = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/jobs/{child['id']}"
    assert (child["parent"], child["origin"], child["name"], child["labels"]) == (parent["id"], "fork", "second", {})
    assert child["spec"]["optimizer"] == {"type": "sgd", "learning_rate": 0.01}
    assert child["resolved_spec"]["init_from"] is None


def test_a_fork_without_changes_needs_no_body(client: TestClient):
    parent = submit(client)
    child = client.post(f"/v1/jobs/{parent['id']}/fork").json()
    assert child["resolved_spec"] == parent["resolved_spec"]


def test_lineage_reads_both_ways(client: TestClient):
    parent = submit(client)
    children = [client.post(f"/v1/jobs/{parent['id']}/fork").json()["id"] for _ in range(2)]
    submit(client)
    found = client.get("/v1/jobs", params={"parent": parent["id"]}).json()["data"]
    assert [job["id"] for job in found] == children[::-1]
    assert {job["parent"] for job in found} == {parent["id"]}


def test_a_fork_from_a_checkpoint_names_it_by_id(client: TestClient, database: Database, artifacts: Path):
    parent = trained(client, database, artifacts)
    (checkpoint,) = client.get(f"/v1/jobs/{parent}/checkpoints").json()["data"]
    for reference in ("best", "latest", checkpoint["step"], checkpoint["id"]):
        child = client.post(f"/v1/jobs/{parent}/fork", json={"from_checkpoint": reference}).json()
        assert child["resolved_spec"]["init_from"] == {"job": parent, "checkpoint": checkpoint["id"]}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"patch": {"optimizer": {"learning_rat": 1}}}, "#/optimizer/learning_rat"),
        ({"patch": {"data": None}}, "#/data"),
        ({"from_checkpoint": 99}, "#/init_from"),
        ({"from_checkpoint": "final"}, "#/init_from"),
        ({"from_checkpoint": "../../etc"}, "#/from_checkpoint"),
        ({"from_checkpoint": True}, "#/from_checkpoint"),
        ({"patch": []}, "#/patch"),
        ({"spec": {}}, "#/spec"),
    ],
)
def test_a_fork_that_cannot_be_is_told_why(
    client: TestClient, database: Database, artifacts: Path, body: dict[str, Any], pointer: str
):
    parent = trained(client, database, artifacts, network={"type": "mlp", "hidden": [4]})
    answer = client.post(f"/v1/jobs/{parent}/fork", json=body)
    code = "invalid_body" if pointer in {"#/from_checkpoint", "#/patch", "#/spec"} else "invalid_spec"
    assert pointer in {
        found.removesuffix("/str").removesuffix("/int") for found in pointers(problem(answer, 422, code))
    }
    assert client.get("/v1/jobs", params={"parent": parent}).json()["data"] == []


def test_another_project_can_neither_fork_nor_begin_with_a_job(connect: Connect, database: Database, artifacts: Path):
    mine, theirs = connect("admin"), connect("admin", project="other")
    job = trained(mine, database, artifacts)
    problem(theirs.post(f"/v1/jobs/{job}/fork"), 404, "not_found")
    problem(theirs.post(f"/v1/jobs/{job}/reproduce"), 404, "not_found")
    spec = {"data": {"dataset": "iris"}, "init_from": {"job": job}}
    assert pointers(problem(theirs.post("/v1/jobs", json=spec), 422, "invalid_spec")) == ["#/init_from"]
    problem(theirs.get("/v1/jobs/compare", params={"ids": f"{job},job_{uuid.uuid4()}"}), 404, "not_found")


def test_a_checkpoint_that_a_job_is_to_begin_with_is_kept(client: TestClient, database: Database, artifacts: Path):
    parent, lease = running(client, database)
    kept = save_checkpoint(database, lease, artifacts, step=10, is_best=False)
    child = client.post(f"/v1/jobs/{parent}/fork", json={"from_checkpoint": 10}).json()
    for step in (20, 30, 40):
        save_checkpoint(database, lease, artifacts, step=step, is_best=False)
    there = [entry["step"] for entry in client.get(f"/v1/jobs/{parent}/checkpoints").json()["data"]]
    assert there == [40, 30, 10]
    end(database, lease, Outcome.SUCCEEDED, result={})
    problem(client.delete(f"/v1/jobs/{parent}"), 409, "job_in_use")
    client.post(f"/v1/jobs/{child['id']}/cancel")
    assert client.delete(f"/v1/jobs/{parent}").status_code == 204
    with database.reading() as connection:
        assert checkpoints.standing(connection, checkpoint_id=kept) is None


def test_a_reproduction_says_whether_the_weights_are_equal(client: TestClient, database: Database, artifacts: Path):
    parent = trained(client, database, artifacts, training={"epochs": 3})
    again = client.post(f"/v1/jobs/{parent}/reproduce").json()
    path = f"/v1/jobs/{again['id']}"
    assert (again["parent"], again["origin"]) == (parent, "reproduction")
    assert again["resolved_spec"] == client.get(f"/v1/jobs/{parent}").json()["resolved_spec"]
    assert client.get(path).json()["reproduction"] == {"of": parent, "weights_equal": None, "metrics_equal": None}
    _, lease = _claimed(database, again["id"])
    end(database, lease, Outcome.SUCCEEDED, result={"weights_sha256": "a" * 64, "test": {"accuracy": 0.25}})
    assert client.get(path).json()["reproduction"] == {"of": parent, "weights_equal": True, "metrics_equal": False}


def _claimed(database: Database, job_id: str) -> tuple[str, Any]:
    from tests.models.steps import claim

    claimed = claim(database)
    assert claimed is not None
    assert claimed.lease.job_id == job_id
    return job_id, claimed.lease


def test_a_job_that_reproduces_nothing_says_nothing_of_it(client: TestClient):
    assert "reproduction" not in client.get(f"/v1/jobs/{submit(client)['id']}").json()


def test_a_comparison_names_the_places_that_differ_and_no_others(client: TestClient):
    one = submit(client, optimizer={"type": "sgd", "learning_rate": 0.1}, labels={"a/b": "x"})
    two = submit(client, optimizer={"type": "sgd", "learning_rate": 0.2}, seed=7)
    found = client.get("/v1/jobs/compare", params={"ids": f"{one['id']},{two['id']}"}).json()
    assert found["differences"] == [
        {"pointer": "#/labels/a~1b", "values": ["x", None]},
        {"pointer": "#/optimizer/learning_rate", "values": [0.1, 0.2]},
        {"pointer": "#/seed", "values": [42, 7]},
    ]
    assert [job["id"] for job in found["jobs"]] == [one["id"], two["id"]]
    assert found["weights_equal"] is None


def test_a_section_that_one_job_leaves_null_is_told_of_by_its_fields(client: TestClient):
    one = submit(client, early_stopping=None)
    two = submit(client, early_stopping={"patience": 3})
    found = client.get("/v1/jobs/compare", params={"ids": f"{one['id']},{two['id']}"}).json()["differences"]
    assert {"pointer": "#/early_stopping/patience", "values": [None, 3]} in found
    assert "#/early_stopping" not in [difference["pointer"] for difference in found]


def test_a_comparison_finds_the_first_step_where_losses_part(client: TestClient, database: Database):
    sides = [running(client, database, name=name) for name in ("a", "b", "c")]
    values = ([1.0, 0.5, float("nan"), 0.25], [1.0, 0.5, float("nan"), 0.125], [1.0, 0.5, float("nan"), 0.25, 0.0])
    for (_, lease), losses in zip(sides, values, strict=True):
        write_points(database, lease, "train/loss", list(range(1, len(losses) + 1)), losses)
    identifiers = [identifier for identifier, _ in sides]
    losses = client.get("/v1/jobs/compare", params={"ids": ",".join(identifiers)}).json()["losses"]
    assert losses == [
        {"jobs": identifiers[:2], "first_step": 4, "values": [0.25, 0.125], "compared_steps": 4},
        {"jobs": [identifiers[0], identifiers[2]], "first_step": None, "values": None, "compared_steps": 4},
    ]


@pytest.mark.parametrize("ids", ["", "job_1", "job_1,job_1", ",".join(f"job_{n}" for n in range(21))])
def test_a_comparison_takes_two_to_twenty_jobs(client: TestClient, ids: str):
    assert pointers(problem(client.get("/v1/jobs/compare", params={"ids": ids}), 422, "invalid_parameter")) == ["?ids"]


def test_a_replayed_fork_makes_one_job(client: TestClient):
    parent = submit(client)
    headers = {"Idempotency-Key": '"again"'}
    first, second = (client.post(f"/v1/jobs/{parent['id']}/fork", headers=headers).json() for _ in range(2))
    assert first["id"] == second["id"]


def test_a_checkpoint_that_goes_between_reading_and_queueing_is_noticed(
    client: TestClient, database: Database, artifacts: Path
):
    from models import submission
    from models.destinations import Destinations
    from models.errors import InvalidSpec

    parent = trained(client, database, artifacts)
    document = {"data": {"dataset": "iris"}, "init_from": {"job": parent}}
    with database.reading() as connection:
        prepared = submission.prepare(
            connection, project="default", document=document, destinations=Destinations.of(Settings())
        )
    with database.unit_of_work() as connection:
        jobs.remove(connection, project="default", job_id=parent)
    with pytest.raises(InvalidSpec, match="is gone"), database.unit_of_work() as connection:
        submission.queue(connection, prepared, project="default")


def test_a_merge_patch_does_what_the_rfc_says():
    from models.merge_patch import merged

    # The examples of RFC 7396, appendix A.
    for document, patch, result in (
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ):
        assert merged(document, patch) == result
