"""What a client written from the documentation relies on, checked over HTTP on both ways of running the service."""

import csv
import hashlib
import io
import json
import time
from typing import Any

import httpx2
import pytest

from tests.fixtures.services import RunningService

DIGITS = {"data": {"dataset": "digits"}, "network": {"type": "mlp", "hidden": [64]}, "training": {"epochs": 6}}
SHORT = {"data": {"dataset": "iris"}, "network": {"type": "mlp", "hidden": [8]}, "training": {"epochs": 1}}
ENDLESS = {**DIGITS, "training": {"epochs": 100_000}, "early_stopping": None}
NOBODY = "00000000-0000-7000-8000-000000000000"


def is_problem(answer: httpx2.Response, *statuses: int) -> bool:
    """Whether this is problem+json with the members that clients read."""
    is_json = answer.headers["content-type"].startswith("application/problem+json")
    return answer.status_code in statuses and is_json and {"type", "title", "status", "code"} <= answer.json().keys()


@pytest.fixture(scope="module")
def trained(any_service: RunningService) -> dict[str, Any]:
    """A digits job that has succeeded, on each way of running the service."""
    job = any_service.train(DIGITS)
    assert job["status"] == "succeeded", (job["reason"], any_service.logs())
    return job


def metrics_of(service: RunningService, job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    listed = service.call("GET", f"/v1/jobs/{job['id']}/metrics").json()["data"]
    return {metric["name"]: metric for metric in listed}


def best_weights(service: RunningService, job: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The path of the best weights, and the file as the checkpoint declares it."""
    checkpoints = service.call("GET", f"/v1/jobs/{job['id']}/checkpoints").json()["data"]
    best = next(checkpoint for checkpoint in checkpoints if "best" in checkpoint["kinds"])
    declared = next(file for file in best["files"] if file["name"] == "weights.safetensors")
    return f"/v1/jobs/{job['id']}/checkpoints/best/files/weights.safetensors", declared


def test_health_and_version_are_open_and_everything_else_wants_a_key(any_service: RunningService):
    for path in ("/healthz", "/readyz", "/version"):
        assert any_service.call("GET", path, key=None).status_code == 200
    for path in ("/v1/jobs", "/v1/workers", "/openapi.json", "/docs"):
        refused = any_service.call("GET", path, key=None)
        assert is_problem(refused, 401)
        assert "www-authenticate" in refused.headers
    assert is_problem(any_service.call("GET", "/v1/jobs", key="ty_no_no"), 401)


def test_the_openapi_document_names_every_operation_once(any_service: RunningService):
    document = any_service.call("GET", "/openapi.json").json()
    operations = [method for path in document["paths"].values() for method in path.values() if "operationId" in method]
    names = [operation["operationId"] for operation in operations]
    assert document["openapi"].startswith("3.1")
    assert len(names) == len(set(names)) > 20


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"data": {"dataset": "digits"}, "netwrok": "mlp"}, "#/netwrok"),
        (
            {"data": {"dataset": "digits"}, "optimizer": {"type": "adam", "learning_rate": "fast"}},
            "#/optimizer/learning_rate",
        ),
        ({"data": {"dataset": "iris", "target": "no_such_column"}}, "#/data/target"),
    ],
)
def test_a_mistake_in_a_spec_is_pointed_at(any_service: RunningService, spec: dict[str, Any], pointer: str):
    refused = any_service.call("POST", "/v1/jobs", body=spec)
    assert is_problem(refused, 422)
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]


@pytest.mark.parametrize("body", [b'{"data": ', b'{"data": {"dataset": "digits"}, "priority": NaN}', b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(any_service: RunningService, body: bytes):
    refused = any_service.call("POST", "/v1/jobs", body=body, headers={"Content-Type": "application/json"})
    assert is_problem(refused, 400, 422)


def test_what_is_not_there_is_not_found(any_service: RunningService):
    assert is_problem(any_service.call("GET", f"/v1/jobs/job_{NOBODY}"), 404)
    assert is_problem(any_service.call("POST", "/v1/jobs", body={"data": {"dataset": f"ds_{NOBODY}"}}), 404, 422)


def test_a_dry_run_shows_every_default_and_stores_nothing(any_service: RunningService):
    spec = {"data": {"dataset": "digits"}, "labels": {"case": "dry-run"}}
    answer = any_service.call("POST", "/v1/jobs?dry_run=schema", body=spec)
    assert answer.status_code == 200
    assert {"optimizer", "network", "training"} <= answer.json()["resolved_spec"].keys()
    assert any_service.call("GET", "/v1/jobs?label.case=dry-run").json()["data"] == []


def test_a_job_shows_its_whole_shape_from_the_first_answer(any_service: RunningService):
    answer = any_service.call("POST", "/v1/jobs", body=SHORT)
    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(job["id"])
    shown = "id name labels project status phase reason created_at queued_at started_at finished_at progress attempts"
    assert {*shown.split(), "history", "spec", "resolved_spec", "result", "warnings"} <= job.keys()


def test_the_job_succeeded_in_one_attempt_on_a_named_worker(trained: dict[str, Any]):
    (attempt,) = trained["attempts"]
    assert attempt["worker"]
    assert attempt["device"]
    assert attempt["outcome"] == "succeeded"
    assert trained["result"]["test"]["accuracy"] > 0.9


def test_an_unchanged_job_is_not_sent_again_and_can_be_waited_for(any_service: RunningService, trained: dict[str, Any]):
    path = f"/v1/jobs/{trained['id']}"
    known = {"If-None-Match": any_service.call("GET", path).headers["etag"]}
    assert any_service.call("GET", path, headers=known).status_code == 304
    began = time.monotonic()
    assert any_service.call("GET", path, headers=known | {"Prefer": "wait=1"}).status_code == 304
    assert 0.9 < time.monotonic() - began < 25


def test_every_step_is_measured(any_service: RunningService, trained: dict[str, Any]):
    metrics = metrics_of(any_service, trained)
    curves = {"train/loss", "train/accuracy", "train/learning_rate", "validation/loss", "validation/accuracy"}
    assert curves <= metrics.keys()
    assert all({"points", "last", "min", "max", "best"} <= metric.keys() for metric in metrics.values())
    assert metrics["train/loss"]["points"] == trained["progress"]["step"]


def test_a_bucketed_series_loses_no_point_and_hides_no_spike(any_service: RunningService, trained: dict[str, Any]):
    whole = metrics_of(any_service, trained)["train/loss"]
    series = any_service.call("GET", f"/v1/jobs/{trained['id']}/metrics/train/loss?max_points=20").json()
    assert {len(series[column]) for column in ("step", "time", "value", "min", "max", "count")} == {len(series["step"])}
    assert 2 <= len(series["step"]) <= 20
    assert sum(series["count"]) == whole["points"]
    assert (min(series["min"]), max(series["max"])) == (whole["min"], whole["max"])


def test_a_series_comes_as_csv_too(any_service: RunningService, trained: dict[str, Any]):
    path = f"/v1/jobs/{trained['id']}/metrics/train/loss"
    answer = any_service.call("GET", path, headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert len(list(csv.reader(io.StringIO(answer.text)))) > 2


def test_the_best_weights_download_whole_and_in_part_with_the_declared_digest(
    any_service: RunningService, trained: dict[str, Any]
):
    path, declared = best_weights(any_service, trained)
    whole = any_service.call("GET", path).content
    assert (len(whole), hashlib.sha256(whole).hexdigest()) == (declared["bytes"], declared["sha256"])
    part = any_service.call("GET", path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])


def test_the_log_is_text(any_service: RunningService, trained: dict[str, Any]):
    answer = any_service.call("GET", f"/v1/jobs/{trained['id']}/logs?tail=5", headers={"Accept": "text/plain"})
    assert answer.headers["content-type"].startswith("text/plain")
    assert len(answer.text.splitlines()) <= 5


def test_the_events_tell_the_job_from_queue_to_success(any_service: RunningService, trained: dict[str, Any]):
    events = any_service.call("GET", f"/v1/jobs/{trained['id']}/events").json()["data"]
    numbers, kinds = [event["seq"] for event in events], [event["type"] for event in events]
    assert numbers == sorted(set(numbers))
    assert kinds[0] == "job.queued"
    assert kinds.count("job.succeeded") == 1


def test_a_cut_event_stream_is_taken_up_where_it_broke_and_ends_with_the_job(
    any_service: RunningService, trained: dict[str, Any]
):
    path = f"/v1/jobs/{trained['id']}/events"
    first, second, *_ = (event["seq"] for event in any_service.call("GET", path).json()["data"])
    heard = {"Accept": "text/event-stream", "Last-Event-ID": str(first)}
    stream = any_service.call("GET", path, headers=heard).text.splitlines()
    assert f"id: {first}" not in stream
    assert f"id: {second}" in stream
    assert "event: end" in stream


def test_pages_go_on_where_the_last_one_ended_and_keep_their_filter(any_service: RunningService):
    for _ in range(3):
        any_service.submit({**SHORT, "labels": {"case": "pages"}})
    first = any_service.call("GET", "/v1/jobs?label.case=pages&limit=2").json()
    cursor = first["next_cursor"]
    second = any_service.call("GET", f"/v1/jobs?label.case=pages&limit=2&cursor={cursor}").json()
    assert len({job["id"] for job in first["data"] + second["data"]}) == 3
    assert first["data"][0]["created_at"] >= first["data"][1]["created_at"]
    assert is_problem(any_service.call("GET", f"/v1/jobs?status=failed&cursor={cursor}"), 400)


def test_a_repeated_submission_is_the_same_job(any_service: RunningService):
    again = {"Idempotency-Key": f'"again-{time.time_ns()}"'}
    answers = [any_service.call("POST", "/v1/jobs", body=SHORT, headers=again) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    other = any_service.call("POST", "/v1/jobs", body={**SHORT, "training": {"epochs": 2}}, headers=again)
    assert is_problem(other, 422)


def test_a_running_job_is_cancelled_within_seconds(any_service: RunningService, trained: dict[str, Any]):
    job_id = any_service.submit(ENDLESS)
    any_service.wait(job_id, until={"running"})
    began = time.monotonic()
    assert any_service.call("POST", f"/v1/jobs/{job_id}/cancel").status_code == 202
    assert any_service.wait(job_id)["status"] == "cancelled"
    assert time.monotonic() - began < 9
    assert is_problem(any_service.call("POST", f"/v1/jobs/{trained['id']}/cancel"), 409)


def test_a_dataset_arrives_in_parts_and_is_trained_on(any_service: RunningService):
    rows = [f"{i % 7},{i % 5},{'yes' if i % 7 > 3 else 'no'}" for i in range(400)]
    content = "\n".join(["a,b,label", *rows, ""]).encode()
    declared = {"name": "parts", "format": "csv", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    dataset = any_service.call("POST", "/v1/datasets", body=declared).json()
    assert dataset["status"] == "awaiting_content"
    path = f"/v1/datasets/{dataset['id']}"
    any_service.call("PUT", f"{path}/content", body=content[:1000], headers={"Upload-Complete": "?0"})
    assert any_service.call("GET", path).json()["received_bytes"] == 1000
    any_service.call("PUT", f"{path}/content", body=content[1000:], headers={"Upload-Offset": "1000"})
    ready = any_service.wait_for_dataset(dataset["id"])
    assert ready["status"] == "ready", ready
    assert ready["profile"]["rows"] == 400
    spec = {"data": {"dataset": dataset["id"], "target": "label"}, "training": {"epochs": 10}}
    assert any_service.train(spec)["status"] == "succeeded"
    refused = any_service.call(
        "POST", "/v1/jobs", body={"data": {"dataset": dataset["id"], "target": "no_such_column"}}
    )
    assert is_problem(refused, 422)
    assert "no_such_column" in json.dumps(refused.json())
