"""What Prometheus scrapes is parsed by its own parser, and is true."""

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from models import workers
from models.database import Database
from models.status import Outcome
from tests.api.conftest import Connect
from tests.api.steps import problem, running, submit
from tests.models.steps import end


def scraped(client: TestClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def at(metrics: dict, name: str, **labels: str) -> float | None:
    return metrics.get((name, frozenset(labels.items())))


def test_jobs_waits_and_attempts_are_counted(client: TestClient, database: Database):
    for _ in range(2):
        _, lease = running(client, database)
        end(database, lease, Outcome.SUCCEEDED, result={})
    submit(client)
    metrics = scraped(client)
    assert at(metrics, "trainyard_jobs", pool="default", status="succeeded") == 2
    assert at(metrics, "trainyard_jobs", pool="default", status="queued") == 1
    assert at(metrics, "trainyard_attempts_total", outcome="succeeded") == 2
    assert 0 <= at(metrics, "trainyard_queue_oldest_wait_seconds", pool="default") < 60
    assert at(metrics, "trainyard_webhook_deliveries_pending") == 0


def test_requests_are_counted_by_route_and_not_by_path(client: TestClient):
    before = scraped(client)
    job = submit(client)
    client.get(f"/v1/jobs/{job['id']}")
    client.get("/v1/jobs/job_none")
    client.get("/nowhere")
    after = scraped(client)
    labels = {"route": "/v1/jobs/{job_id}", "method": "GET"}
    name = "trainyard_request_seconds_count"
    assert at(after, name, **labels, status="200") == (at(before, name, **labels, status="200") or 0) + 1
    assert at(after, name, **labels, status="404") == 1
    assert at(after, name, route="unmatched", method="GET", status="404") == 1
    assert not any(job["id"] in value for _, pairs in after for _, value in pairs)


def test_workers_are_shown_with_what_they_said(client: TestClient, database: Database):
    with database.unit_of_work() as connection:
        workers.register(
            connection,
            worker_id="wrk_1",
            node="n",
            name="w",
            pool="default",
            slots=2,
            devices=[{"type": "cpu"}],
            versions={},
        )
        said = {"cpu_percent": 12.5, "gpus": [{"memory_bytes": 7}]}
        put_aside = [{"slot": 1, "since": "2026-01-01T00:00:00Z", "faults": 2, "reason": {"code": "gpu_fault"}}]
        workers.beat(connection, worker_id="wrk_1", utilisation=said, quarantined=put_aside)
    (shown,) = client.get("/v1/workers").json()["data"]
    assert shown["quarantined"] == put_aside
    metrics = scraped(client)
    assert at(metrics, "trainyard_worker_slots", worker="w", pool="default") == 2
    assert at(metrics, "trainyard_worker_running", worker="w", pool="default") == 0
    assert at(metrics, "trainyard_worker_quarantined", worker="w", pool="default") == 1
    said = {"worker": "w", "pool": "default"}
    assert at(metrics, "trainyard_worker_utilisation", **said, figure="cpu_percent") == 12.5
    assert at(metrics, "trainyard_worker_utilisation", **said, figure="gpus.0.memory_bytes") == 7


def test_a_worker_is_drained_on_request(connect: Connect, database: Database):
    with database.unit_of_work() as connection:
        workers.register(
            connection, worker_id="wrk_1", node="n", name="w", pool="default", slots=1, devices=[], versions={}
        )
    client = connect("operator")
    answer = client.post("/v1/workers/wrk_1/drain")
    assert (answer.status_code, answer.json()["draining"]) == (202, True)
    with database.unit_of_work() as connection:
        assert workers.beat(connection, worker_id="wrk_1", utilisation={}) is True
    problem(client.post("/v1/workers/wrk_2/drain"), 404, "not_found")
    problem(connect("jobs:write").post("/v1/workers/wrk_1/drain"), 403, "forbidden")
