"""A job's history as a list and as a stream: nothing is lost, nothing comes twice, and the end is said."""

import asyncio
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import delete
from starlette.testclient import TestClient

from api.feed import Feed
from api.main import create_app
from models import metrics, tables
from models.database import Database
from models.errors import Unavailable
from models.settings import Settings
from tests.api.conftest import Connect, Server, make_key, serving
from tests.api.steps import finish, problem, running, submit, write_log, write_points
from tests.fixtures.waiting import wait_for
from tests.models.steps import held

STREAM = {"Accept": "text/event-stream"}


@dataclass(frozen=True)
class Frame:
    event: str
    data: Any
    id: str | None


def frames(text: str) -> list[Frame]:
    """The frames of a stream, told apart as the standard says, comments and settings left out."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if "event" in fields:
            found.append(Frame(fields["event"], json.loads(fields["data"]), fields.get("id")))
    return found


def read(client: httpx2.Client, path: str, **headers: str) -> list[Frame]:
    answer = client.get(path, headers={**STREAM, **headers})
    assert answer.headers["content-type"].startswith("text/event-stream")
    return frames(answer.text)


def test_events_are_listed_after_a_number_and_page_by_page(client: TestClient, database: Database):
    job_id, lease = running(client, database)
    finish(database, lease)
    path = f"/v1/jobs/{job_id}/events"
    whole = client.get(path).json()
    assert [(event["seq"], event["type"]) for event in whole["data"]] == [
        (1, "job.queued"),
        (2, "job.running"),
        (3, "job.succeeded"),
    ]
    assert whole["next_after"] == 3
    assert client.get(f"{path}?after=1&limit=1").json()["data"] == whole["data"][1:2]
    assert client.get(f"{path}?after=3").json() == {"data": [], "next_after": 3}
    problem(client.get(f"{path}?after=-1"), 422, "invalid_parameter")
    problem(client.get(f"{path}?after=2147483648"), 422, "invalid_parameter")


def test_the_stream_of_a_finished_job_replays_and_ends(either_client: TestClient):
    job_id = submit(either_client)["id"]
    either_client.post(f"/v1/jobs/{job_id}/cancel")
    seen = read(either_client, f"/v1/jobs/{job_id}/events")
    assert [(frame.event, frame.id) for frame in seen] == [
        ("progress", None),
        ("job.queued", "1"),
        ("job.cancelled", "2"),
        ("end", None),
    ]
    assert seen[1].data["type"] == "job.queued"


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_cut_stream_goes_on_behind_the_last_event(client: TestClient, way: str):
    job_id = submit(client)["id"]
    client.post(f"/v1/jobs/{job_id}/cancel")
    path = f"/v1/jobs/{job_id}/events"
    seen = read(client, path, **{"Last-Event-ID": "1"}) if way == "header" else read(client, f"{path}?after=1")
    assert [frame.id for frame in seen if frame.id] == ["2"]


@pytest.mark.parametrize("header", ["x", "-1", "1.5", "9" * 30, "²"])
def test_an_id_that_is_none_of_ours_is_refused(client: TestClient, header: str):
    path = f"/v1/jobs/{submit(client)['id']}/events"
    answer = client.get(path, headers={**STREAM, "Last-Event-ID": header.encode("latin-1")})
    problem(answer, 400, "invalid_last_event_id")


def test_an_id_from_the_future_is_no_error(either_client: TestClient):
    job_id = submit(either_client)["id"]
    either_client.post(f"/v1/jobs/{job_id}/cancel")
    seen = read(either_client, f"/v1/jobs/{job_id}/events", **{"Last-Event-ID": str(10**15)})
    assert [frame.event for frame in seen] == ["progress", "end"]


def test_a_stream_of_nothing_is_a_problem(client: TestClient):
    problem(client.get("/v1/jobs/job_x/events", headers=STREAM), 404, "not_found")


def test_a_stream_says_what_proxies_and_browsers_must_know(client: TestClient):
    job_id = submit(client)["id"]
    client.post(f"/v1/jobs/{job_id}/cancel")
    answer = client.get(f"/v1/jobs/{job_id}/events", headers=STREAM)
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "Accept" in answer.headers["vary"]
    assert answer.text.startswith(": open\nretry: 3000\n\n")


@contextmanager
def _listening(server: Server, job_id: str, **headers: str) -> Iterator[Iterator[Frame]]:
    """A live stream, open once the service is waiting for news on its behalf."""
    with (
        server.client() as client,
        client.stream("GET", f"/v1/jobs/{job_id}/events", headers={**STREAM, **headers}) as response,
    ):
        wait_for(lambda: server.app.state.service.watcher.num_listeners, "the stream to wait")
        yield _live(response)


def _live(response: httpx2.Response) -> Iterator[Frame]:
    pending = ""
    for text in response.iter_text():
        *blocks, pending = (pending + text).split("\n\n")
        for block in blocks:
            yield from frames(block)


def test_a_running_job_is_heard_live_with_its_points_and_lines(server: Server):
    with server.client() as client:
        job_id, lease = running(client, server.database)
    write_points(server.database, lease, "train/loss", [1, 2], [0.9, 0.8])
    write_log(server.database, lease, "before\n")
    with _listening(server, job_id) as live:
        heard = [next(live) for _ in range(3)]
        write_points(server.database, lease, "train/loss", [3, 4], [0.7, float("nan")])
        write_log(server.database, lease, "after ä\n")
        finish(server.database, lease)
        heard += list(live)
    points = [frame.data["train/loss"] for frame in heard if frame.event == "metrics"]
    assert [step for point in points for step in point["step"]] == [3, 4]
    assert [value for point in points for value in point["value"]] == [0.7, "NaN"]
    assert [frame.data for frame in heard if frame.event == "log"] == [{"text": "after ä\n", "next_after": 16}]
    assert [frame.event for frame in heard if frame.id] == ["job.queued", "job.running", "job.succeeded"]
    assert [frame.id for frame in heard if frame.id] == ["1", "2", "3"]
    assert heard[-1].event == "end"
    assert [frame.data["status"] for frame in heard if frame.event == "progress"][-1] == "succeeded"


def test_points_that_a_resumed_job_repeats_are_heard_again(connect: Connect, app: FastAPI, database: Database):
    job_id, lease = running(connect("admin"), database)
    write_points(database, lease, "train/loss", [1, 2, 3], [0.9, 0.8, 0.7])
    feed = Feed(app.state.service, project="default", job_id=job_id, after=0)
    feed.open()
    with held(database, lease) as connection:
        metrics.cut(connection, job_id=job_id, step=1)
    feed.news()
    write_points(database, lease, "train/loss", [2, 3], [0.6, 0.5])
    heard = frames(b"".join(feed.news()).decode())
    assert [frame.data["train/loss"]["step"] for frame in heard if frame.event == "metrics"] == [[2, 3]]


def test_a_stream_outlives_an_outage_of_the_database(server: Server, monkeypatch: pytest.MonkeyPatch):
    outages = iter([Unavailable("away"), Unavailable("away")])
    news = Feed.news

    def sometimes(feed: Feed) -> list[bytes]:
        for outage in outages:
            raise outage
        return news(feed)

    monkeypatch.setattr("api.feed.OUTAGE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(Feed, "news", sometimes)
    with server.client() as client:
        job_id = submit(client)["id"]
        client.post(f"/v1/jobs/{job_id}/cancel")
        heard = read(client, f"/v1/jobs/{job_id}/events")
    assert [frame.event for frame in heard] == ["progress", "job.queued", "job.cancelled", "end"]


def test_a_service_that_stops_ends_no_job_in_its_streams(settings: Settings, database: Database):
    with serving(create_app(settings)) as (url, app):
        headers = {"Authorization": f"Bearer {make_key(database, 'admin')}"}
        with httpx2.Client(base_url=url, headers=headers, timeout=30) as client, ThreadPoolExecutor(2) as pool:
            job_id = submit(client)["id"]
            paths = [f"/v1/jobs/{job_id}/{name}" for name in ("events", "logs")]
            streams = [pool.submit(client.get, path, headers=STREAM) for path in paths]
            wait_for(lambda: app.state.service.watcher.num_listeners == 2, "both streams to wait")
            watcher = app.state.service.watcher
            asyncio.run_coroutine_threadsafe(watcher.close(), watcher._task.get_loop()).result()
            texts = [stream.result().text for stream in streams]
    assert [frame.event for frame in frames(texts[0])] == ["progress", "job.queued"]
    assert frames(texts[1]) == []


def test_nothing_new_is_said_in_no_frames(connect: Connect, app: FastAPI, database: Database):
    job_id, _ = running(connect("admin"), database)
    feed = Feed(app.state.service, project="default", job_id=job_id, after=0)
    feed.open()
    assert feed.news() != []
    assert feed.news() == []


def test_a_client_that_goes_away_is_forgotten(server: Server):
    with server.client() as client:
        job_id = submit(client)["id"]
    with _listening(server, job_id) as live:
        next(live)
    wait_for(lambda: server.app.state.service.watcher.num_listeners == 0, "the listener to be forgotten")


def test_a_client_that_is_cut_fifty_times_at_random_misses_and_repeats_nothing(server: Server):
    dice = random.Random(5)
    heard: list[Frame] = []
    with server.client() as client:
        job_id = submit(client)["id"]
        for cut in range(50):
            client.patch(f"/v1/jobs/{job_id}", json={"name": f"cut {cut}"})
            last = heard[-1].id if heard else "0"
            heard += _whole_events(_cut_after(client, job_id, last, num_bytes=dice.randrange(1, 900)))
        client.post(f"/v1/jobs/{job_id}/cancel")
        last = heard[-1].id if heard else "0"
        heard += _whole_events(client.get(_stream(job_id), headers={**STREAM, "Last-Event-ID": last}).text)
        stored = client.get(f"/v1/jobs/{job_id}/events", params={"limit": 1000}).json()["data"]
    assert len(stored) == 52
    assert [frame.data for frame in heard] == stored


def _stream(job_id: str) -> str:
    return f"/v1/jobs/{job_id}/events"


def _cut_after(client: httpx2.Client, job_id: str, last: str, *, num_bytes: int) -> str:
    """What is read of a stream until the connection is cut behind so many bytes, or nothing more comes for a while."""
    text = b""
    headers = {**STREAM, "Last-Event-ID": last}
    patience = httpx2.Timeout(30, read=0.3)
    with (
        suppress(httpx2.ReadTimeout),  # also before the first byte
        client.stream("GET", _stream(job_id), headers=headers, timeout=patience) as response,
    ):
        for piece in response.iter_raw(chunk_size=8):
            text += piece
            if len(text) >= num_bytes:
                break
    return text.decode()


def _whole_events(text: str) -> list[Frame]:
    return [frame for frame in frames(text.rpartition("\n\n")[0]) if frame.id]


def test_a_stream_ends_when_its_job_is_deleted(server: Server):
    with server.client() as client:
        job_id, _ = running(client, server.database)
        with _listening(server, job_id) as live:
            heard = [next(live)]
            with server.database.unit_of_work() as connection:
                connection.execute(delete(tables.jobs).where(tables.jobs.c.id == job_id))
            heard += list(live)
    assert heard[-1] == Frame("end", {"reason": "deleted"}, None)
