"""The doorbell: heard by a real broker, and no burden to anybody where there is none."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
import redis
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.testclient import TestClient

from api.doorbell import BURST_SECONDS, MOST_RINGS, NUDGE_CHANNEL, TASK_NAME, Doorbell, Pace
from api.main import create_app
from models.database import Database
from models.settings import Settings
from tests.api.conftest import make_key, serving
from tests.api.steps import running, submit
from tests.fixtures.waiting import wait_for


@pytest.fixture
def broker(broker_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(broker_url) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def doorbell(broker_url: str) -> Iterator[Doorbell]:
    with _started(broker_url) as bell:
        yield bell


@contextmanager
def _started(url: str) -> Iterator[Doorbell]:
    bell = Doorbell(url)
    bell.start()
    try:
        yield bell
    finally:
        bell.close()


def test_a_ring_is_a_task_name_without_arguments_in_the_queue_of_its_pool(broker: redis.Redis, doorbell: Doorbell):
    doorbell.ring("gpu")
    doorbell.ring("gpu")
    wait_for(lambda: broker.llen("gpu") == 2, "both rings")
    message = json.loads(broker.lindex("gpu", 0))
    assert message["headers"]["task"] == TASK_NAME == "trainyard.train"
    assert message["headers"]["ignore_result"] is True
    assert message["content-type"] == "application/json"
    assert doorbell.is_connected


def test_a_nudge_is_the_id_of_the_job_that_has_orders(broker: redis.Redis, doorbell: Doorbell):
    with broker.pubsub() as heard:
        heard.subscribe(NUDGE_CHANNEL)
        wait_for(lambda: heard.get_message(timeout=1), "the subscription")
        doorbell.nudge("job_x")
        message = wait_for(lambda: heard.get_message(timeout=1), "the nudge")
    assert message["data"] == b"job_x"


def test_a_broker_that_restarts_is_found_again(broker: redis.Redis, doorbell: Doorbell):
    wait_for(lambda: doorbell.is_connected, "the connection")
    broker.client_kill_filter(skipme=True)
    wait_for(lambda: (doorbell.ring("default"), broker.llen("default") > 0)[1], "a ring after the cut")


def test_a_dead_broker_delays_nobody():
    with _started("redis://127.0.0.1:9/0") as bell:
        started = time.monotonic()
        for _ in range(20_000):
            bell.ring("default")
        assert time.monotonic() - started < 20
        assert not bell.is_connected
        started = time.monotonic()
    assert time.monotonic() - started < 20


def test_a_broker_that_says_nothing_delays_no_request(settings: Settings, database: Database):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = settings.model_copy(update={"broker_url": SecretStr(f"redis://127.0.0.1:{mute.getsockname()[1]}/0")})
        with serving(create_app(silent)) as (url, app):
            headers = {"Authorization": f"Bearer {make_key(database, 'admin')}"}
            with httpx2.Client(base_url=url, headers=headers) as client:
                submit(client)
                started = time.monotonic()
                submit(client)
                assert time.monotonic() - started < 10
                assert client.get("/readyz").json()["checks"]["broker"] == "unreachable"
                assert app.state.service.doorbell.is_connected is False


@pytest.fixture
def ringing(settings: Settings, broker_url: str) -> FastAPI:
    """An application whose broker is real."""
    return create_app(settings.model_copy(update={"broker_url": SecretStr(broker_url)}))


def test_submitting_rings_and_steering_nudges(broker: redis.Redis, ringing: FastAPI, database: Database):
    with TestClient(ringing, base_url="http://localhost") as client, broker.pubsub() as heard:
        client.headers["Authorization"] = f"Bearer {make_key(database, 'admin')}"
        heard.subscribe(NUDGE_CHANNEL)
        wait_for(lambda: heard.get_message(timeout=1), "the subscription")
        job_id, _ = running(client, database)
        wait_for(lambda: broker.llen("default") >= 1, "the ring")
        client.post(f"/v1/jobs/{job_id}/cancel")
        assert wait_for(lambda: heard.get_message(timeout=1), "the nudge")["data"] == job_id.encode()


def test_a_job_whose_ring_was_lost_is_rung_for_again(broker: redis.Redis, ringing: FastAPI, database: Database):
    with TestClient(ringing, base_url="http://localhost") as client:
        client.headers["Authorization"] = f"Bearer {make_key(database, 'admin')}"
        submit(client)
        wait_for(lambda: broker.llen("default") >= 1, "the ring")
        broker.flushall()
        wait_for(lambda: broker.llen("default") >= 1, "the sweep's ring")


def test_closing_sends_what_is_waiting(broker: redis.Redis, broker_url: str):
    with _started(broker_url) as bell:
        wait_for(lambda: bell.is_connected, "the connection")
        for _ in range(50):
            bell.ring("default")
    assert MOST_RINGS < broker.llen("default") <= 50
    assert not [thread for thread in threading.enumerate() if thread.name == "doorbell" and thread is bell._thread]


def test_a_ring_that_is_owed_anyway_wakes_no_thread():
    bell = Doorbell("redis://127.0.0.1:9/0")  # not started: what is put stays
    for _ in range(MOST_RINGS + 1):
        bell._pace.admits("gpu", time.monotonic())
    bell.ring("gpu")
    assert bell._messages.empty()
    bell.ring("cpu")
    assert bell._messages.qsize() == 1
    assert bell._pace.owed(float("inf")) == ["gpu"]
    bell.ring("gpu")
    assert bell._messages.qsize() == 2


def test_in_a_burst_most_rings_are_held_back_and_the_last_one_is_sent():
    pace = Pace()
    rings = [pace.admits("gpu", 10.0 + number / 10_000) for number in range(5 * MOST_RINGS)]
    assert rings == [True] * MOST_RINGS + [False] * (4 * MOST_RINGS)
    assert pace.admits("cpu", 10.01)
    assert pace.owed(10.0 + BURST_SECONDS / 2) == []
    assert pace.owed(10.001 + BURST_SECONDS) == ["gpu"]
    assert pace.owed(10.001 + BURST_SECONDS) == []
    assert pace.admits("gpu", 10.001 + BURST_SECONDS)


def test_a_burst_ends_with_a_ring(broker: redis.Redis, doorbell: Doorbell):
    for _ in range(10 * MOST_RINGS):
        doorbell.ring("gpu")
    wait_for(lambda: broker.llen("gpu") > MOST_RINGS, "the ring behind the burst")
