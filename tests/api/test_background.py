"""The sweeps: they go on whatever happens to one of them, and stop when they are told."""

import threading

from fastapi import FastAPI
from sqlalchemy import update
from starlette.testclient import TestClient

from api.background import Background, Sweep
from models.database import Database
from models.errors import Unavailable
from models.tables import job_leases
from tests.api.conftest import Connect
from tests.api.steps import SPEC, running
from tests.fixtures.waiting import wait_for


def test_a_sweep_that_fails_is_tried_again_and_stops_no_other(caplog):
    ran: dict[str, int] = {"good": 0, "bad": 0, "away": 0}

    def count(name: str, error: Exception | None = None) -> None:
        ran[name] += 1
        if error is not None:
            raise error

    background = Background(
        [
            Sweep("good", 0.001, lambda: count("good")),
            Sweep("bad", 0.001, lambda: count("bad", RuntimeError("broken"))),
            Sweep("away", 0.001, lambda: count("away", Unavailable("no database"))),
        ]
    )
    background.start()
    wait_for(lambda: min(ran.values()) >= 3, "three rounds of each")
    background.close()
    seen = dict(ran)
    names = {f"sweep-{name}" for name in ran}
    assert not [thread for thread in threading.enumerate() if thread.name in names]
    assert ran == seen
    assert "sweep bad failed" in caplog.text
    assert "no database" in caplog.text


def test_a_sleeping_sweep_is_woken_to_stop():
    background = Background([Sweep("rare", 3600.0, lambda: None)])
    background.start()
    background.close(timeout_seconds=2.0)
    assert not [thread for thread in threading.enumerate() if thread.name == "sweep-rare"]


def test_stopping_the_service_leaves_no_thread_behind(app: FastAPI):
    wanted = {"sweep-reaper", "sweep-doorbell", "sweep-profiles", "sweep-idempotency", "sweep-keys", "doorbell"}
    before = set(threading.enumerate())
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/version").status_code == 200
        wait_for(lambda: wanted <= {thread.name for thread in threading.enumerate()}, "the service's threads")
        started = {thread for thread in threading.enumerate() if thread.name in wanted} - before
    assert len(started) == len(wanted)
    assert not [thread.name for thread in started if thread.is_alive()]


def test_a_job_whose_worker_fell_silent_goes_back_to_the_queue(quick_connect: Connect, database: Database):
    client = quick_connect("admin")
    job_id, _ = running(client, database, **SPEC)
    with database.unit_of_work() as connection:
        connection.execute(update(job_leases).values(expires_at=0.0))
    wait_for(lambda: client.get(f"/v1/jobs/{job_id}").json()["status"] == "queued", "the reaper")
    attempts = client.get(f"/v1/jobs/{job_id}").json()["attempts"]
    assert [attempt["outcome"] for attempt in attempts] == ["lost"]
