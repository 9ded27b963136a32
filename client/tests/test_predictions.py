"""Rows to the real API and back, with a thread of the test in the worker's place."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from models import predictions, workers
from trainyard import Conflict, NotFound, ServerError, Unprocessable
from trainyard._predictions import ROWS_PER_REQUEST


@contextmanager
def answering(api: Any, pool: str) -> Iterator[list[dict[str, Any]]]:
    """A worker whose network doubles `x`, finds no word for a negative one, and refuses `x` beyond 10**6."""
    done, heard = threading.Event(), []

    def said(asked: dict[str, Any]) -> dict[str, Any]:
        heard.append(json.loads(json.dumps(asked)))
        for number, row in enumerate(asked["rows"]):
            row["x"] = None if row.get("x") is None else float(row["x"])
            if (row["x"] or 0) > 10**6:
                error = {"pointer": f"#/rows/{number}/x", "detail": "too large"}
                return {"problem": {"status": 422, "code": "invalid_rows", "detail": "wrong", "errors": [error]}}
        values = [2 * (row.get("x") or 0) for row in asked["rows"]]
        found = [{"value": value if value >= 0 else float("nan")} for value in values]
        missing = sum(row.get("x") is None for row in asked["rows"])
        return {"predictions": found, "missing": {"x": missing} if missing else {}, "unseen": {}, "ignored": {"y": 1}}

    def work() -> None:
        while not done.wait(0.005):
            with api.database.unit_of_work() as connection:
                for question in predictions.claim(connection, pool=pool, worker_id="wrk_1"):
                    answer = said(json.loads(question.text))
                    predictions.answer(connection, question_id=question.id, document=answer)

    with api.database.unit_of_work() as connection:
        workers.register(
            connection, worker_id=f"wrk_{pool}", node=pool, name="w", pool=pool, slots=1, devices=[], versions={}
        )
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield heard
    finally:
        done.set()
        thread.join()


@pytest.fixture
def job(submit, claim):
    """A job with a checkpoint."""
    submitted = submit()
    claim().checkpoint(8, {"weights.safetensors": b"w"})
    return submitted


def test_rows_are_answered_in_their_order(api, pool, job):
    with answering(api, pool) as heard:
        found = job.predict([{"x": 1.5}, {"x": None}, {"x": -1}], checkpoint=8, top=3)
    assert [prediction.value for prediction in found.predictions[:2]] == [3.0, 0]
    assert np.isnan(found.predictions[2].value)
    assert (found.missing, found.unseen, found.ignored) == ({"x": 1}, {}, {"y": 1})
    assert found.checkpoint["step"] == 8
    assert heard == [{"rows": [{"x": 1.5}, {"x": None}, {"x": -1}], "num_probabilities": 3}]


def test_an_iterator_of_any_length_goes_in_requests_to_one_checkpoint(api, pool, job):
    num_rows = 2 * ROWS_PER_REQUEST + 5
    with answering(api, pool) as heard:
        found = job.predict({"x": number} for number in range(num_rows))
    assert [len(asked["rows"]) for asked in heard] == [ROWS_PER_REQUEST, ROWS_PER_REQUEST, 5]
    assert [prediction.value for prediction in found.predictions] == [2 * number for number in range(num_rows)]
    assert found.ignored == {"y": 3}


def test_a_mistake_in_a_later_request_is_counted_from_the_first_row(api, pool, job):
    rows = [{"x": 1}] * (ROWS_PER_REQUEST + 3)
    with answering(api, pool), pytest.raises(Unprocessable) as refused:
        job.predict([*rows, {"x": 10**7}])
    assert refused.value.errors[0].pointer == f"#/rows/{ROWS_PER_REQUEST + 3}/x"
    assert f"#/rows/{ROWS_PER_REQUEST + 3}/x: too large" in str(refused.value)


def test_bytes_arrays_and_nan_travel_as_json_has_them(api, pool, job):
    row = {
        "image": b"\x89PNG",
        "pixels": np.ones((2, 2), np.uint8),
        "n": float("nan"),
        "m": np.float32(0.5),
        "t": (1, 2),
    }
    with answering(api, pool) as heard:
        job.predict([row])
    wanted = {
        "image": base64.b64encode(b"\x89PNG").decode(),
        "pixels": [[1, 1], [1, 1]],
        "n": None,
        "m": 0.5,
        "t": [1, 2],
    }
    assert heard[0]["rows"] == [wanted]


def test_no_rows_ask_nobody(job):
    assert job.predict([]).predictions == ()


def test_what_cannot_be_answered_raises_what_it_is(client, submit, job):
    with pytest.raises(Conflict, match="no checkpoint"):
        submit().predict([{"x": 1}])
    with pytest.raises(NotFound, match="final"):
        job.predict([{"x": 1}], checkpoint="final")
    patient = client.jobs.get(job.id)
    patient._transport._max_retries = 0
    with pytest.raises(ServerError, match="No worker") as refused:
        patient.predict([{"x": 1}])
    assert refused.value.code == "no_worker"
