"""`/readyz` means it: each part is tried for real, and whatever hangs it answers in time."""

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.background import Background, Sweep
from api.main import create_app
from api.readiness import OK, SILENT, Readiness
from models import migrations
from models.database import Database
from models.settings import Settings
from tests.api.conftest import make_key
from tests.api.steps import problem
from tests.fixtures.freezing import frozen
from tests.fixtures.postgresql import OwnServer, own_server
from tests.fixtures.waiting import wait_for

ALL_OK = {"database": "ok", "migrations": "ok", "broker": "unreachable", "artifacts": "ok", "sweeps": "ok"}


def ready(client: TestClient) -> tuple[int, dict]:
    """What is answered once the last answer is no longer fresh."""
    client.app.state.service.readiness._parts = {
        name: type(part)(name, part._check) for name, part in client.app.state.service.readiness._parts.items()
    }
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


def test_ready_means_that_everything_but_the_broker_works(either_client: TestClient):
    assert ready(either_client) == (200, {"status": "ready", "failing": ["broker"], "checks": ALL_OK})


def test_a_schema_that_is_behind_is_not_ready(client: TestClient, database: Database):
    with database.unit_of_work() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '0000'")
    status, body = ready(client)
    assert (status, body["failing"], body["checks"]["migrations"]) == (503, ["migrations", "broker"], "pending")


def test_a_database_that_is_gone_is_not_ready_and_told_as_503(client: TestClient, app: FastAPI, settings: Settings):
    database_file = Path(settings.database.removeprefix("sqlite:///"))
    database_file.rename(database_file.with_suffix(".away"))
    database_file.mkdir()
    app.state.service.database.engine.dispose()
    status, body = ready(client)
    assert (status, body["failing"]) == (503, ["database", "migrations", "broker"])
    assert str(database_file) not in str(body)
    problem(client.get("/v1/jobs"), 503, "unavailable")


def test_a_database_that_can_only_be_read_is_not_ready(client: TestClient, app: FastAPI):
    with app.state.service.database.engine.connect() as connection:
        connection.exec_driver_sql(
            "create trigger no_writes before update on alembic_version begin select raise(abort, 'read-only'); end"
        )
        connection.commit()
    status, body = ready(client)
    assert (status, body["checks"]["database"], body["checks"]["migrations"]) == (503, "failed", "ok")


def test_artifacts_that_cannot_be_stored_are_not_ready(client: TestClient, settings: Settings):
    shutil.rmtree(settings.artifacts)
    Path(settings.artifacts).touch()
    status, body = ready(client)
    assert (status, body["failing"], body["checks"]["artifacts"]) == (503, ["broker", "artifacts"], "unreachable")


def test_a_sweep_that_happens_no_more_is_not_ready_and_is_named(client: TestClient, app: FastAPI, monkeypatch):
    background, is_over = app.state.service.background, threading.Event()
    wait_for(lambda: not background._begun_at, "the first sweeps to be over")
    hanging = Background([Sweep("hanging", 1.0, is_over.wait), Sweep("never", 1.0, lambda: None)])
    hanging._threads["hanging"].start()
    monkeypatch.setattr(background, "dead", hanging.dead)
    try:
        wait_for(lambda: "hanging" in hanging._begun_at, "the sweep to begin")
        assert ready(client)[1]["checks"]["sweeps"] == "stopped: never"
        monkeypatch.setattr("api.background._STUCK_SECONDS", 0.0)
        status, body = ready(client)
        assert (status, body["checks"]["sweeps"]) == (503, "stopped: hanging, never")
    finally:
        is_over.set()
        hanging.close()


def test_many_who_ask_make_one_check_and_a_part_that_hangs_delays_nobody_beyond_the_deadline():
    is_over, asked = threading.Event(), []

    def hangs() -> str:
        asked.append("hangs")
        is_over.wait()
        return OK

    readiness = Readiness({"hangs": hangs, "works": lambda: asked.append("works") or OK}, deadline_seconds=0.2)

    async def many() -> list[dict[str, str]]:
        reports = await asyncio.gather(*[readiness.report() for _ in range(50)])
        assert not reports[0].is_ready
        return [dict(report.parts) for report in reports]

    try:
        assert asyncio.run(many()) == [{"hangs": SILENT, "works": OK}] * 50
        assert sorted(asked) == ["hangs", "works"]
        is_over.set()
        wait_for(lambda: asyncio.run(readiness.report()).is_ready, "the part to answer")
        assert asked.count("hangs") == 1
    finally:
        is_over.set()
        readiness.close()


@pytest.fixture
def postgresql() -> Iterator[OwnServer]:
    """A server of the test's own."""
    with own_server() as server:
        yield server


def test_a_frozen_postgresql_is_told_in_time_and_health_never_asks(postgresql: OwnServer, tmp_path: Path):
    database = Database(postgresql.url)
    migrations.migrate(database)
    make_key(database, "admin")
    database.close()
    settings = Settings(
        data_dir=tmp_path,
        database_url=postgresql.url,
        broker_url="redis://127.0.0.1:9/0",
        readiness_seconds=0.5,
    )
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        assert ready(client)[0] == 200
        with frozen(postgresql.process.pid):
            began = time.monotonic()
            status, body = ready(client)
            took = time.monotonic() - began
            assert client.get("/healthz").status_code == 200
        assert (status, body["checks"]["database"], body["checks"]["artifacts"]) == (503, SILENT, "ok")
        assert took < 8.0, "it has waited as long as a statement may"
        wait_for(lambda: ready(client)[0] == 200, "the database to be heard again")
