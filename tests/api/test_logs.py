"""A job's log over HTTP: its end, what stands behind a byte, and what is being written."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from api.routes import logs
from models.database import Database
from models.errors import NotFound, Unavailable
from models.logs import LogPart
from models.status import Status
from tests.api.conftest import Server
from tests.api.steps import finish, problem, running, submit, write_log
from tests.api.test_events import frames
from tests.fixtures.waiting import wait_for

STREAM = {"Accept": "text/event-stream"}


def test_the_log_is_plain_text_with_the_place_to_go_on(client: TestClient, database: Database):
    job_id, lease = running(client, database)
    write_log(database, lease, "one\ntwo\n")
    write_log(database, lease, "dreiß\n")
    answer = client.get(f"/v1/jobs/{job_id}/logs")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert (answer.text, answer.headers["x-next-after"]) == ("one\ntwo\ndreiß\n", "15")
    assert client.get(f"/v1/jobs/{job_id}/logs?tail=2").text == "two\ndreiß\n"
    assert client.get(f"/v1/jobs/{job_id}/logs?after=8").text == "dreiß\n"
    assert client.get(f"/v1/jobs/{job_id}/logs?after=15").text == ""
    assert client.get(f"/v1/jobs/{job_id}/logs?after={2**62}").text == ""


def test_a_job_that_has_not_begun_has_an_empty_log(client: TestClient):
    answer = client.get(f"/v1/jobs/{submit(client)['id']}/logs")
    assert (answer.text, answer.headers["x-next-after"]) == ("", "0")


@pytest.mark.parametrize("query", ["tail=0", "tail=10001", "after=-1", "tail=all"])
def test_a_wrong_place_is_named(client: TestClient, query: str):
    problem(client.get(f"/v1/jobs/{submit(client)['id']}/logs?{query}"), 422, "invalid_parameter")


def test_the_log_of_a_finished_job_is_streamed_to_its_end(client: TestClient, database: Database):
    job_id, lease = running(client, database)
    write_log(database, lease, "one\ntwo\nthree\n")
    finish(database, lease)
    heard = frames(client.get(f"/v1/jobs/{job_id}/logs", headers=STREAM).text)
    assert [(frame.event, frame.id) for frame in heard] == [("log", "14"), ("end", None)]
    assert heard[0].data == {"text": "one\ntwo\nthree\n", "next_after": 14}
    rest = frames(client.get(f"/v1/jobs/{job_id}/logs", headers={**STREAM, "Last-Event-ID": "8"}).text)
    assert rest[0].data["text"] == "three\n"
    tail = frames(client.get(f"/v1/jobs/{job_id}/logs?tail=2", headers=STREAM).text)
    assert tail[0].data["text"] == "two\nthree\n"


def test_a_log_is_followed_while_it_is_written(server: Server):
    with server.client() as client, ThreadPoolExecutor(1) as pool:
        job_id, lease = running(client, server.database)
        write_log(server.database, lease, "before\n")
        stream = pool.submit(client.get, f"/v1/jobs/{job_id}/logs", headers=STREAM)
        wait_for(lambda: server.app.state.service.watcher.num_listeners, "the stream to wait")
        for line in ("a\n", "b\n"):
            write_log(server.database, lease, line)
        finish(server.database, lease)
        heard = frames(stream.result().text)
    assert "".join(frame.data["text"] for frame in heard if frame.event == "log") == "before\na\nb\n"
    assert heard[-1].event == "end"


def test_a_followed_log_outlives_an_outage_and_ends_with_its_job(server: Server, monkeypatch: pytest.MonkeyPatch):
    outages = iter([Unavailable("away"), NotFound("deleted")])
    read = logs._Reader.read

    def sometimes(reader: logs._Reader, **words: int | None) -> tuple[LogPart, Status]:
        if words:  # the first read, before the stream begins
            return read(reader, **words)
        raise next(outages)

    monkeypatch.setattr("api.streaming.OUTAGE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(logs._Reader, "read", sometimes)
    with server.client() as client:
        text = client.get(f"/v1/jobs/{submit(client)['id']}/logs", headers=STREAM).text
    assert ": ping" in text
    assert [(frame.event, frame.data) for frame in frames(text)] == [("end", {"reason": "deleted"})]
