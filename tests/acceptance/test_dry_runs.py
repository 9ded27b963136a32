"""Dry runs of a step, over HTTP, on a worker that takes it for real."""

import sqlite3
from typing import Any

from tests.fixtures.services import RunningService

DIGITS: dict[str, Any] = {
    "data": {"dataset": "digits"},
    "network": {"type": "mlp", "hidden": [32]},
    "training": {"epochs": 3, "batch_size": 64},
    "resources": {"device": "cpu"},
}


def dry_run(service: RunningService, spec: dict[str, Any], *, status: int = 200) -> dict[str, Any]:
    answer = service.call("POST", "/v1/jobs?dry_run=step", body=spec)
    assert answer.status_code == status, answer.text
    return dict(answer.json())


def test_a_step_is_taken_and_tells_what_the_job_will_find(service: RunningService):
    before = service.call("GET", "/v1/jobs?limit=1").json()["data"]
    found = dry_run(service, DIGITS)
    assert service.call("GET", "/v1/jobs?limit=1").json()["data"] == before
    # 64 pixels to 32, their norm, to 10 classes
    assert found["parameters"] == 64 * 32 + 32 + 2 * 32 + 32 * 10 + 10
    assert found["shapes"]["outputs"] == [64, 10]
    assert found["steps"] == 3 * found["steps_per_epoch"] == 3 * -(-found["rows"]["train"] // 64)
    assert found["eta_seconds"] > found["steps"] * found["seconds_per_step"] > 0
    assert found["resolved_spec"]["training"]["precision"] != "auto"
    assert 0 < found["peak_memory_bytes"]["host"] < 16 << 30
    assert found["peak_memory_bytes"]["device"] is None
    job = service.train(DIGITS)
    assert job["result"]["parameters"] == found["parameters"]
    assert job["result"]["data_report"] == found["data_report"]
    (latest, *_) = service.call("GET", f"/v1/jobs/{job['id']}/checkpoints").json()["data"]
    assert found["checkpoint_bytes"] > 4 * found["parameters"]
    assert 0.5 < found["checkpoint_bytes"] / latest["bytes"] < 2
    with sqlite3.connect(f"file:{service.data_dir / 'trainyard.sqlite3'}?mode=ro", uri=True) as database:
        assert database.execute("select count(*) from dry_runs").fetchone() == (0,)


def test_what_the_first_step_shows_to_be_wrong_is_pointed_at(service: RunningService):
    spec = {
        "data": {"dataset": "airline_passengers"},
        "network": {"type": "gru"},
        "training": {"precision": "fp16"},
        "resources": {"device": "cpu"},
    }
    problem = dry_run(service, spec, status=422)
    assert problem["code"] == "no_such_arithmetic"
    assert [mistake["pointer"] for mistake in problem["errors"]] == ["#/training/precision"]


def test_a_rate_that_is_to_be_found_is_left_to_the_job(service: RunningService):
    found = dry_run(service, {**DIGITS, "optimizer": {"type": "adamw", "learning_rate": "auto"}})
    assert found["resolved_spec"]["optimizer"]["learning_rate"] == "auto"


def test_a_spec_that_no_worker_can_run_is_told_at_once(service: RunningService):
    nobody = dry_run(service, {**DIGITS, "resources": {"pool": "nobody"}}, status=503)
    assert (nobody["code"], "'nobody'" in nobody["detail"]) == ("no_worker", True)
    if all(
        device["type"] == "cpu"
        for one in service.call("GET", "/v1/workers").json()["data"]
        for device in one["devices"]
    ):
        assert dry_run(service, {**DIGITS, "resources": {"device": "cuda"}}, status=503)["code"] == "no_device"
