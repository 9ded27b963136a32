"""What stands around the jobs: health, version, catalogue, keys, workers, and the start of the process itself."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.main import create_app
from models import spec, workers
from models.database import Database
from models.formats import FORMATS
from models.samples import SAMPLES
from models.settings import Settings
from models.spec.optimizer import AdamW
from tests.api.conftest import Connect
from tests.api.steps import pointers, problem, running, submit


def test_a_live_process_is_healthy(client: TestClient):
    assert client.get("/healthz").json() == {"status": "ok"}


def test_the_version_is_the_projects(client: TestClient):
    body = client.get("/version").json()
    assert (body["name"], body["api"]) == ("trainyard", "v1")
    assert f'version = "{body["version"]}"' in Path("pyproject.toml").read_text(encoding="utf-8")


def test_the_catalogue_names_everything_a_spec_may_name(client: TestClient):
    offered = client.get("/v1/catalogue").json()
    for plural, entries in spec.catalogue().items():
        assert [entry["type"] for entry in offered[plural]] == [entry.type for entry in entries]
    assert [entry["type"] for entry in offered["formats"]] == list(FORMATS)
    assert [sample["name"] for sample in offered["samples"]] == list(SAMPLES)
    adamw = next(entry for entry in offered["optimizers"] if entry["type"] == "adamw")
    rate = next(field for field in adamw["fields"] if field["name"] == "learning_rate")
    assert (rate["default"], rate["required"]) == (AdamW().learning_rate, False)


def test_every_sample_in_the_catalogue_can_be_submitted(client: TestClient):
    for sample in client.get("/v1/catalogue").json()["samples"]:
        answer = client.post("/v1/jobs?dry_run=data", json={"data": {"dataset": sample["name"]}})
        assert answer.status_code == 200, answer.text


def test_a_key_is_shown_once_and_works(client: TestClient, connect: Connect):
    answer = client.post("/v1/keys", json={"name": "ci", "scopes": ["jobs:read"]})
    made = answer.json()
    assert (answer.status_code, made["project"], made["scopes"]) == (201, "default", ["jobs:read"])
    assert answer.headers["cache-control"] == "no-store"
    other = connect(key=made["key"])
    assert other.get("/v1/jobs").status_code == 200
    problem(other.post("/v1/jobs", json={}), 403, "forbidden")
    secret = made["key"].rpartition("_")[2]
    assert secret not in client.get("/v1/keys").text


def test_keys_may_belong_to_another_project_and_end(client: TestClient, connect: Connect):
    submit(client)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    made = client.post(
        "/v1/keys", json={"name": "x", "scopes": ["jobs:read"], "project": "other", "expires_at": tomorrow}
    ).json()
    assert (made["project"], made["expires_at"] is not None) == ("other", True)
    assert connect(key=made["key"]).get("/v1/jobs").json()["data"] == []


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"scopes": []}, "#/scopes"),
        ({"scopes": ["root"]}, "#/scopes/0"),
        ({"scopes": "admin"}, "#/scopes"),
        ({"project": "Other Project"}, "#/project"),
        ({"expires_at": "2030-01-01T00:00:00"}, "#/expires_at"),
        ({"expires_at": 5}, "#/expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "#/expires_at"),
        ({"key": "ty_a_b"}, "#/key"),
    ],
)
def test_a_mistake_in_a_key_is_pointed_at(client: TestClient, change: dict, pointer: str):
    answer = client.post("/v1/keys", json={"name": "ci", "scopes": ["jobs:read"], **change})
    assert pointers(problem(answer, 422, "invalid_body")) == [pointer]
    assert len(client.get("/v1/keys").json()["data"]) == 1


def test_keys_are_listed_by_page_and_a_foreign_one_cannot_be_revoked(client: TestClient, connect: Connect):
    for _ in range(3):
        client.post("/v1/keys", json={"name": "ci", "scopes": ["jobs:read"]})
    first = client.get("/v1/keys?limit=3").json()
    second = client.get(f"/v1/keys?limit=3&cursor={first['next_cursor']}").json()
    assert (len(first["data"]), len(second["data"])) == (3, 1)
    foreign = connect("admin", project="other")
    problem(foreign.delete(f"/v1/keys/{first['data'][0]['id']}"), 404, "not_found")
    problem(client.delete("/v1/keys/key_x"), 404, "not_found")


def test_live_workers_are_listed_with_what_they_run(client: TestClient, connect: Connect, database: Database):
    worker_id = "wrk_worker-1"
    with database.unit_of_work() as connection:
        workers.register(
            connection,
            worker_id=worker_id,
            node="node-1",
            name="worker@node-1",
            pool="default",
            slots=2,
            devices=[{"type": "cpu"}],
            versions={"torch": "2.13.0"},
        )
    job_id, _ = running(client, database)
    (worker,) = client.get("/v1/workers").json()["data"]
    (elsewhere,) = connect("jobs:read", project="other").get("/v1/workers").json()["data"]
    assert (worker["id"], worker["name"], worker["slots"]) == (worker_id, "worker@node-1", 2)
    assert worker["devices"] == [{"type": "cpu"}]
    assert (worker["jobs"], elsewhere["jobs"]) == ([job_id], [])


def test_nothing_heavy_is_imported_to_start():
    heavy = ("torch", "pyarrow", "PIL", "celery", "kombu", "alembic", "torchmetrics", "worker")
    code = f"import sys, api.main; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_making_an_application_opens_nothing(tmp_path: Path):
    application = create_app(Settings(data_dir=tmp_path / "nothing"))
    assert isinstance(application, FastAPI)
    assert not (tmp_path / "nothing").exists()
