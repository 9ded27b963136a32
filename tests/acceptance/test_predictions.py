"""Predictions of the running service: over HTTP, through a worker, whatever happens to either in between."""

import csv
import io
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx2
import psutil
import pytest

from models.samples import sample
from tests.fixtures.freezing import frozen
from tests.fixtures.services import RunningService, StartService
from tests.fixtures.waiting import wait_for

IRIS = {
    "data": {"dataset": "iris", "split": {"type": "time", "train": 0.4, "validation": 0.2, "test": 0.4}},
    "network": {"type": "mlp", "hidden": [8]},
    "training": {"epochs": 3},
    "cleaning": {"duplicates": "keep"},
}
ENDLESS = {"data": {"dataset": "digits"}, "training": {"epochs": 1_000_000}, "early_stopping": None}
ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def ask(service: RunningService, job_id: str, rows: list[dict[str, Any]], **more: Any) -> httpx2.Response:
    return service.call("POST", f"/v1/jobs/{job_id}/predict", body={"rows": rows, **more})


def predictor_of(service: RunningService) -> int:
    """The process that predicts: the one descendant of the worker that lets the others go first."""

    def found() -> int | None:
        children = psutil.Process(service.pid("worker")).children(recursive=True)
        with suppress(psutil.NoSuchProcess):  # one of them has just ended
            return next((child.pid for child in children if child.nice() > psutil.Process().nice()), None)
        return None

    return wait_for(found, "a predictor")


@pytest.fixture(scope="module")
def trained(any_service: RunningService) -> dict[str, Any]:
    """An iris job whose test rows are the last ones of the file."""
    job = any_service.train(IRIS)
    assert job["status"] == "succeeded", job
    return job


def test_the_test_rows_sent_over_http_score_exactly_what_the_job_reports(any_service, trained):
    shipped = sample("iris")
    rows = list(csv.DictReader(io.StringIO(shipped.path.read_text())))
    test = rows[-trained["result"]["data_report"]["splits"]["test"] :]
    answer = ask(any_service, trained["id"], [dict(row) for row in test]).json()
    target = trained["resolved_spec"]["data"]["target"]
    hits = [said["label"] == row[target] for said, row in zip(answer["predictions"], test, strict=True)]
    assert sum(hits) / len(hits) == pytest.approx(trained["result"]["test"]["accuracy"], abs=1e-6)
    assert answer["ignored"] == {target: len(test)}


def test_new_rows_with_gaps_are_answered_and_mistakes_pointed_at(any_service, trained):
    answer = ask(any_service, trained["id"], [{}, {**ROW, "petal_width": None}])
    assert answer.json()["missing"] == {"sepal_length": 1, "sepal_width": 1, "petal_length": 1, "petal_width": 2}
    refused = ask(any_service, trained["id"], [ROW, {**ROW, "petal_width": "wide"}])
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/rows/1/petal_width")


def test_thirty_requests_at_once_are_each_answered_with_their_own_rows(any_service, trained):
    alone = ask(any_service, trained["id"], [{**ROW, "sepal_length": 4 + n / 10} for n in range(30)]).json()[
        "predictions"
    ]
    with ThreadPoolExecutor(30) as pool:
        together = list(
            pool.map(lambda n: ask(any_service, trained["id"], [{**ROW, "sepal_length": 4 + n / 10}]), range(30))
        )
    for answer, wanted in zip(together, alone, strict=True):
        assert answer.json()["predictions"][0]["probabilities"] == pytest.approx(wanted["probabilities"], abs=1e-5)


def test_a_predictor_killed_amid_a_request_is_a_503_and_the_next_request_is_answered(any_service, trained):
    assert ask(any_service, trained["id"], [ROW]).status_code == 200
    pid = predictor_of(any_service)
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, any_service, trained["id"], [ROW])
        wait_for(lambda: psutil.Process(pid).net_connections(kind="unix"), "the predictor's channel")
        os.kill(pid, signal.SIGKILL)
        answer = waiting.result()
    # killed before the question reached it, another one has answered; killed with it in hand, nobody can
    assert answer.status_code == 200 or answer.json()["code"] == "predictor_crashed"
    assert ask(any_service, trained["id"], [ROW]).status_code == 200
    assert predictor_of(any_service) != pid


def test_a_worker_that_trains_still_answers(any_service, trained):
    busy = any_service.submit(ENDLESS)
    try:
        any_service.wait(busy, until={"running"})
        assert ask(any_service, trained["id"], [ROW]).status_code == 200
        wait_for(lambda: any_service.job(busy)["progress"]["step"], "the other job to train on")
    finally:
        any_service.call("POST", f"/v1/jobs/{busy}/cancel")
        any_service.wait(busy)


def test_a_job_that_is_running_can_be_asked_once_it_has_a_checkpoint(any_service):
    job_id = any_service.submit({**ENDLESS, "checkpoints": {"every": "1 epoch"}})
    try:
        any_service.wait(job_id, until={"running"})
        wait_for(lambda: any_service.call("GET", f"/v1/jobs/{job_id}/checkpoints").json()["data"], "a checkpoint")
        answer = ask(any_service, job_id, [{"image": [[0] * 8] * 8}], checkpoint="latest", top=2)
        assert len(answer.json()["predictions"][0]["probabilities"]) == 2, answer.text
    finally:
        any_service.call("POST", f"/v1/jobs/{job_id}/cancel")
        any_service.wait(job_id)


def test_without_a_broker_predictions_are_answered_all_the_same(start_service: StartService):
    service = start_service()
    job = service.train(IRIS)
    with frozen(service.pid("broker")):
        assert ask(service, job["id"], [ROW]).status_code == 200
        assert ask(service, job["id"], [ROW]).status_code == 200


def test_a_worker_that_is_killed_amid_a_request_leaves_it_to_the_next_one(start_service: StartService):
    service = start_service()
    job = service.train(IRIS)
    assert ask(service, job["id"], [ROW]).status_code == 200
    os.kill(predictor_of(service), signal.SIGSTOP)  # the question will be claimed, and not answered
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, service, job["id"], [ROW])
        service.kill("worker")
        assert waiting.result().status_code == 200
