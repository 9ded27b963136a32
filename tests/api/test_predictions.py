"""Predictions over HTTP, a thread of the test in the worker's place: what is asked, what each answer becomes."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from api.main import create_app
from models import checkpoints, predictions, workers
from models.database import Database
from models.settings import Settings
from tests.api.conftest import Connect, Server, make_key, serving
from tests.api.steps import pointers, problem, running, save_checkpoint, submit
from tests.fixtures.waiting import wait_for

ANSWER = {"predictions": [{"value": 1.5}], "missing": {"age": 1}, "unseen": {}, "ignored": {"income": 1}}


@contextmanager
def answering(database: Database, answer: Callable[[dict[str, Any]], Any]) -> Iterator[list[dict[str, Any]]]:
    """A worker that answers every question by a function; the questions it has heard."""
    register(database)
    done, heard = threading.Event(), []

    def work() -> None:
        while not done.wait(0.005):
            with database.unit_of_work() as connection:
                for question in predictions.claim(connection, pool="default", worker_id="wrk_1"):
                    heard.append(json.loads(question.text))
                    predictions.answer(connection, question_id=question.id, document=answer(heard[-1]))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield heard
    finally:
        done.set()
        thread.join()


def register(database: Database) -> None:
    with database.unit_of_work() as connection:
        workers.register(
            connection, worker_id="wrk_1", node="n", name="w", pool="default", slots=1, devices=[], versions={}
        )


@pytest.fixture
def path(client: TestClient, database: Database, settings: Settings) -> str:
    """Where a job is asked that has checkpoints at the steps 10, the best, and 20."""
    job_id, lease = running(client, database)
    save_checkpoint(database, lease, Path(settings.artifacts), step=10)
    save_checkpoint(database, lease, Path(settings.artifacts), step=20, is_best=False)
    return f"/v1/jobs/{job_id}/predict"


def test_rows_go_to_a_worker_and_its_answer_comes_back(client: TestClient, database: Database, path: str):
    rows = [{"age": 39, "workclass": "Privaté", "nothing": None, "nested": [[1.5, 2]]}]
    with answering(database, lambda _: ANSWER) as heard:
        answer = client.post(path, json={"rows": rows, "top": 3})
    assert answer.status_code == 200, answer.text
    assert heard == [{"rows": rows, "num_probabilities": 3}]
    assert {name: value for name, value in answer.json().items() if name != "checkpoint"} == ANSWER


def test_the_checkpoint_that_is_named_answers_and_the_best_one_unless_another_is(client, database, path):
    refs = [{}, {"checkpoint": "best"}, {"checkpoint": "latest"}, {"checkpoint": "20"}]
    with answering(database, lambda _: ANSWER):
        steps = [client.post(path, json={"rows": [{}], **ref}).json()["checkpoint"]["step"] for ref in refs]
        missing = client.post(path, json={"rows": [{}], "checkpoint": "final"})
    assert steps == [10, 10, 20, 20]
    assert "10" in problem(missing, 404, "not_found")["detail"]


def test_numbers_that_json_has_no_word_for_are_named(client, database, path):
    with answering(database, lambda _: {**ANSWER, "predictions": [{"values": [float("inf"), 1.0]}]}):
        assert client.post(path, json={"rows": [{}]}).json()["predictions"] == [{"values": ["Infinity", 1.0]}]


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"status": 422, "code": "invalid_rows", "errors": [{"pointer": "#/rows/3/age", "detail": "no number"}]}, 422),
        ({"status": 409, "code": "golden_rows_differ"}, 409),
        ({"status": 504, "code": "prediction_timeout"}, 504),
        ({"status": 503, "code": "predictor_crashed", "headers": {"Retry-After": "1"}}, 503),
    ],
)
def test_what_the_worker_cannot_answer_is_told_as_a_problem(client, database, path, told: dict[str, Any], status: int):
    with answering(database, lambda _: {"problem": {"detail": "said so", **told}}):
        answer = client.post(path, json={"rows": [{}]})
    body = problem(answer, status, told["code"])
    assert body["detail"] == "said so"
    assert body.get("errors", []) == told.get("errors", [])
    assert answer.headers.get("retry-after") == told.get("headers", {}).get("Retry-After")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/rows"),
        ({"rows": []}, "#/rows"),
        ({"rows": {"age": 1}}, "#/rows"),
        ({"rows": [{}, [1]]}, "#/rows/1"),
        ({"rows": [{}, None]}, "#/rows/1"),
        ({"rows": [{}] * 10_001}, "#/rows"),
        ({"rows": [{}], "checkpoint": 3}, "#/checkpoint"),
        ({"rows": [{}], "checkpoint": ""}, "#/checkpoint"),
        ({"rows": [{}], "top": 0}, "#/top"),
        ({"rows": [{}], "row": 1}, "#/row"),
    ],
)
def test_a_wrong_body_is_refused_with_its_place(client: TestClient, path: str, body: dict[str, Any], pointer: str):
    assert pointers(problem(client.post(path, json=body), 422, "invalid_body")) == [pointer]


def test_a_body_of_rows_may_be_longer_than_others_but_not_endless(settings: Settings, database: Database):
    short = settings.model_copy(update={"max_body_bytes": 100, "max_predict_bytes": 100_000})
    with serving(create_app(short)) as (url, _), httpx2.Client(base_url=url) as client:
        client.headers["Authorization"] = f"Bearer {make_key(database, 'jobs:read')}"
        path = "/v1/jobs/job_x/predict"
        problem(client.post(path, json={"rows": [{"text": "x" * 90_000}]}), 404, "not_found")
        assert problem(client.post(path, json={"rows": [{"text": "x" * 100_000}]}), 413, "payload_too_large")
        problem(client.post(path, content=b"{}"), 415, "unsupported_media_type")
        problem(client.post(path, content=b'{"rows":[{"x":NaN}]}', headers={"Content-Type": "application/json"}),
                400, "invalid_json")  # fmt: skip


def test_a_job_without_a_checkpoint_cannot_be_asked(client: TestClient, database: Database):
    register(database)
    path = f"/v1/jobs/{submit(client)['id']}/predict"
    problem(client.post(path, json={"rows": [{}]}), 409, "no_checkpoint")


def test_the_job_of_another_project_is_not_there(connect: Connect, database: Database, path: str):
    register(database)
    problem(connect("jobs:read", project="other").post(path, json={"rows": [{}]}), 404, "not_found")


def test_without_a_worker_nobody_waits(client: TestClient, path: str):
    started = time.monotonic()
    answer = client.post(path, json={"rows": [{}]})
    assert "start one" in problem(answer, 503, "no_worker")["detail"]
    assert answer.headers["retry-after"] == "5"
    assert time.monotonic() - started < 20


def test_what_nobody_answers_in_time_is_told_so(settings: Settings, database: Database, path: str):
    register(database)
    hasty = settings.model_copy(update={"predict_seconds": 0.3})
    with serving(create_app(hasty)) as (url, _), httpx2.Client(base_url=url) as client:
        client.headers["Authorization"] = f"Bearer {make_key(database, 'jobs:read')}"
        problem(client.post(path, json={"rows": [{}]}), 504, "prediction_timeout")
    with database.reading() as connection:
        assert not predictions.is_waiting(connection, pool="default")


@pytest.fixture
def asked(server: Server, settings: Settings) -> str:
    """Where a job is asked on a real socket."""
    with server.client() as client:
        job_id, lease = running(client, server.database)
    save_checkpoint(server.database, lease, Path(settings.artifacts))
    return f"/v1/jobs/{job_id}/predict"


def test_a_job_that_is_deleted_while_it_is_asked_is_a_404(server: Server, asked: str):
    register(server.database)
    with server.client() as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.post, asked, json={"rows": [{}]})
        wait_for(lambda: server.app.state.service.answers.num_listeners, "the request to wait")
        job = asked.removesuffix("/predict")
        with server.database.unit_of_work() as connection:
            connection.exec_driver_sql("delete from jobs where id = ?", (job.rpartition("/")[2],))
        problem(waiting.result(), 404, "not_found")


def test_more_predictions_than_threads_and_connections_wait_at_once(server: Server, asked: str):
    num_clients = 100
    register(server.database)
    limits = httpx2.Limits(max_connections=num_clients + 5)
    with (
        ThreadPoolExecutor(num_clients) as pool,
        httpx2.Client(base_url=server.url, headers=server.headers, timeout=60, limits=limits) as client,
    ):
        waiting = [pool.submit(client.post, asked, json={"rows": [{"n": n}]}) for n in range(num_clients)]
        wait_for(lambda: server.app.state.service.answers.num_listeners == num_clients, "all to wait")
        started = time.monotonic()
        assert client.get("/v1/jobs").status_code == 200
        assert time.monotonic() - started < 20, "waiting predictions starve the others"
        with answering(
            server.database, lambda question: {**ANSWER, "predictions": [{"value": question["rows"][0]["n"]}]}
        ):
            answers = [request.result() for request in waiting]
    assert [answer.json()["predictions"][0]["value"] for answer in answers] == list(range(num_clients))


def test_a_service_that_stops_keeps_nobody_waiting(server: Server, asked: str):
    register(server.database)
    with server.client() as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.post, asked, json={"rows": [{}]})
        wait_for(lambda: server.app.state.service.answers.num_listeners, "the request to wait")
        server.app.state.service.answers.dismiss()
        assert "stopping" in problem(waiting.result(), 503, "unavailable")["detail"]


def test_questions_that_nobody_waits_for_any_more_are_forgotten(database: Database, settings: Settings):
    register(database)
    with serving(create_app(settings)) as (url, _), httpx2.Client(base_url=url) as client:
        client.headers["Authorization"] = f"Bearer {make_key(database, 'admin')}"
        job_id, lease = running(client, database)
    save_checkpoint(database, lease, Path(settings.artifacts))
    with database.unit_of_work() as connection:
        (checkpoint,) = checkpoints.listing(connection, job_id=job_id)
        asked = predictions.ask(
            connection,
            job_id=job_id,
            pool="default",
            checkpoint=checkpoint,
            text="{}",
            timeout_seconds=-predictions.KEPT_SECONDS - 1,
        )

    def is_gone() -> bool:
        with database.reading() as connection:
            return predictions.versions(connection, [asked]) == {}

    with serving(create_app(settings)):
        wait_for(is_gone, "the question to be forgotten")
