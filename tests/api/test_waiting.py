"""Long polls: they come back when something changes, not before, and hold nothing while they wait."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from api.watcher import Watcher
from models.database import Database
from tests.api.conftest import Server
from tests.api.steps import finish, problem, running, submit, write_points
from tests.fixtures.waiting import wait_for
from tests.models.steps import submit as store


def _known(client: httpx2.Client, job_id: str, *, seconds: int) -> dict[str, str]:
    return {"If-None-Match": client.get(f"/v1/jobs/{job_id}").headers["etag"], "Prefer": f"wait={seconds}"}


def test_an_unchanged_job_is_waited_for_and_then_not_modified(server: Server):
    with server.client() as client:
        job_id = submit(client)["id"]
        headers = _known(client, job_id, seconds=1)
        started = time.monotonic()
        answer = client.get(f"/v1/jobs/{job_id}", headers=headers)
        waited = time.monotonic() - started
    assert (answer.status_code, answer.headers["preference-applied"]) == (304, "wait=1")
    assert answer.headers["vary"] == "Prefer"
    assert 0.9 <= waited < 25


def test_a_change_ends_the_wait(server: Server):
    with server.client() as client, ThreadPoolExecutor(1) as pool:
        job_id = submit(client)["id"]
        waiting = pool.submit(client.get, f"/v1/jobs/{job_id}", headers=_known(client, job_id, seconds=30))
        wait_for(lambda: server.app.state.service.watcher.num_listeners, "the poll to wait")
        started = time.monotonic()
        client.post(f"/v1/jobs/{job_id}/cancel")
        answer = waiting.result()
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert time.monotonic() - started < 25
    wait_for(lambda: server.app.state.service.watcher.num_listeners == 0, "the poll to be forgotten")


@pytest.mark.parametrize("headers", [{"Prefer": "wait=30"}, {"Prefer": "wait=30", "If-None-Match": '"old"'}])
def test_who_does_not_know_the_current_version_gets_it_at_once(server: Server, headers: dict[str, str]):
    with server.client() as client:
        job_id = submit(client)["id"]
        started = time.monotonic()
        answer = client.get(f"/v1/jobs/{job_id}", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=30"
    assert time.monotonic() - started < 25


def test_a_job_that_is_deleted_while_waited_for_is_a_404(server: Server):
    with server.client() as client, ThreadPoolExecutor(1) as pool:
        job_id = submit(client)["id"]
        client.post(f"/v1/jobs/{job_id}/cancel")
        waiting = pool.submit(client.get, f"/v1/jobs/{job_id}", headers=_known(client, job_id, seconds=30))
        wait_for(lambda: server.app.state.service.watcher.num_listeners, "the poll to wait")
        client.delete(f"/v1/jobs/{job_id}")
        problem(waiting.result(), 404, "not_found")


def test_more_clients_than_threads_and_connections_wait_at_once(server: Server):
    num_clients = 120
    with server.client() as client, ThreadPoolExecutor(num_clients) as pool:
        job_id = submit(client)["id"]
        headers = _known(client, job_id, seconds=50)
        limits = httpx2.Limits(max_connections=num_clients + 5)
        with httpx2.Client(base_url=server.url, headers=server.headers, timeout=60, limits=limits) as many:
            polls = [pool.submit(many.get, f"/v1/jobs/{job_id}", headers=headers) for _ in range(num_clients)]
            wait_for(lambda: server.app.state.service.watcher.num_listeners == num_clients, "all to wait")
            started = time.monotonic()
            assert client.get(f"/v1/jobs/{job_id}").status_code == 200
            assert time.monotonic() - started < 25, "waiting polls starve the others"
            client.post(f"/v1/jobs/{job_id}/cancel")
            assert {poll.result().json()["status"] for poll in polls} == {"cancelled"}


def test_a_heartbeat_of_the_attempt_is_a_change(server: Server):
    with server.client() as client, ThreadPoolExecutor(1) as pool:
        job_id, lease = running(client, server.database)
        with server.client() as other:
            stream = pool.submit(other.get, f"/v1/jobs/{job_id}/events", headers={"Accept": "text/event-stream"})
            wait_for(lambda: server.app.state.service.watcher.num_listeners, "the stream to wait")
            write_points(server.database, lease, "train/loss", [1], [0.5])
            finish(server.database, lease)
            assert "event: metrics" in stream.result().text


def test_a_watcher_asks_the_database_only_while_somebody_listens(database: Database):
    job_id = store(database).id

    async def scenario() -> tuple[int, int]:
        watcher = Watcher(database, interval_seconds=0.001)
        looks: list[list[str]] = []
        look = watcher._look
        watcher._look = lambda job_ids: (looks.append(job_ids), look(job_ids))[1]
        with watcher.listening(job_id) as one, watcher.listening(job_id) as two:
            assert await one.change(timeout_seconds=5)
            assert await two.change(timeout_seconds=5)
            assert not await one.change(timeout_seconds=0.05)
        await watcher._task
        during = len(looks)
        await asyncio.sleep(0.05)
        await watcher.close()
        assert {tuple(job_ids) for job_ids in looks} == {(job_id,)}
        return during, len(looks)

    during, after = asyncio.run(scenario())
    assert during >= 1
    assert after == during


def test_who_comes_after_the_dismissal_is_not_kept_waiting(database: Database):
    async def scenario() -> bool:
        watcher = Watcher(database)
        watcher.dismiss()
        with watcher.listening("job_x") as listener:
            return await listener.change(timeout_seconds=60) and listener.is_closed

    assert asyncio.run(scenario())


def test_closing_a_watcher_wakes_whoever_waits(database: Database):
    async def scenario() -> bool:
        watcher = Watcher(database)
        with watcher.listening("job_x") as listener:
            await listener.change(timeout_seconds=5)
            waiting = asyncio.ensure_future(listener.change(timeout_seconds=60))
            await asyncio.sleep(0)
            await watcher.close()
            assert await waiting
            return listener.is_closed

    assert asyncio.run(scenario())
