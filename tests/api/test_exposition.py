"""What Prometheus scrapes is parsed by its own parser, and is true."""

import re
from pathlib import Path

import pytest
import yaml
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update
from starlette.testclient import TestClient

from api.version import service_version
from models import workers
from models.database import Database
from models.errors import Unavailable
from models.status import Outcome
from models.tables import jobs
from tests.api.conftest import Connect
from tests.api.steps import problem, running, submit
from tests.fixtures.waiting import wait_for
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
        said = {"cpu_percent": 12.5, "gpus": [{"utilisation_percent": 25.0, "memory_used_bytes": 7}]}
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
    assert at(metrics, "trainyard_worker_utilisation", **said, figure="gpus.0.memory_used_bytes") == 7
    assert at(metrics, "trainyard_gpu_utilisation_ratio", **said, gpu="0") == 0.25
    assert at(metrics, "trainyard_gpu_memory_used_bytes", **said, gpu="0") == 7
    assert at(metrics, "trainyard_gpu_temperature_celsius", **said, gpu="0") is None


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


def test_waits_are_told_of_the_jobs_that_have_begun(client: TestClient, database: Database):
    for wait in range(1, 21):
        job_id, lease = running(client, database)
        with database.unit_of_work() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(started_at=jobs.c.created_at + wait))
        end(database, lease, Outcome.SUCCEEDED, result={})
    submit(client)
    metrics = scraped(client)
    told = [
        at(metrics, "trainyard_queue_wait_seconds", pool="default", quantile=share) for share in ("0.5", "0.95", "1.0")
    ]
    assert told == pytest.approx([10, 19, 20], abs=0.01)


def test_parts_are_told_and_a_database_that_is_away_leaves_the_rest(app: FastAPI, client: TestClient, monkeypatch):
    metrics = scraped(client)
    assert at(metrics, "trainyard_part_up", part="database") == 1
    assert at(metrics, "trainyard_part_up", part="broker") == 0
    assert at(metrics, "trainyard_database_connections") >= 0
    assert at(metrics, "trainyard_database_seconds") > 0

    def away(_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr("api.routes.exposition.overview", away)
    metrics = scraped(client)
    assert at(metrics, "trainyard_info", version=service_version()) == 1
    assert at(metrics, "trainyard_request_seconds_count", route="/metrics", method="GET", status="200") > 0
    assert not any(name == "trainyard_jobs" for name, _ in metrics)


def test_what_the_sweeps_repair_is_counted(quick_connect: Connect, database: Database):
    client = quick_connect("admin")
    assert at(scraped(client), "trainyard_repairs_total", kind="reaped") == 0
    running(client, database)
    submit(client)
    wait_for(
        lambda: at(scraped(client), "trainyard_repairs_total", kind="reaped"), "the silent worker's job to be taken"
    )
    wait_for(lambda: at(scraped(client), "trainyard_repairs_total", kind="doorbell"), "the doorbell to be rung again")


def test_methods_that_somebody_makes_up_are_one_label(client: TestClient):
    for method in ("BREW", "WHEN"):
        client.request(method, "/v1/jobs")
    methods = {dict(pairs).get("method") for _, pairs in scraped(client)}
    assert "other" in methods
    assert not {"BREW", "WHEN"} & methods


ALERTS = yaml.safe_load(Path("docs/alerts.yml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


def test_the_alerts_ask_for_figures_that_there_are(client: TestClient, database: Database):
    """No Prometheus is at hand: every selector is held against what its own parser finds in a scrape."""
    _, lease = running(client, database)
    end(database, lease, Outcome.SUCCEEDED, result={})
    families = list(text_string_to_metric_families(client.get("/metrics").text))
    labels = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    known = set(labels) | {family.name for family in families}
    for rule in RULES:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"[0-9]+[smhd]", rule.get("for", "0s"))
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        expression = rule["expr"]
        assert all(expression.count(one) == expression.count(other) for one, other in ("()", "[]", "{}"))
        names = set(re.findall(r"trainyard_[a-z_]+", expression))
        assert names, rule["alert"]
        assert names <= known, rule["alert"]
        for name, selector in re.findall(r"(trainyard_[a-z_]+)\{((?:[a-z]+=~?\"[^\"]*\",?)*)\}", expression):
            assert set(re.findall(r"([a-z]+)=", selector)) <= labels.get(name, set()), rule["alert"]
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_every_figure_is_explained(client: TestClient):
    page = Path("docs/operations.md").read_text(encoding="utf-8")
    for family in text_string_to_metric_families(client.get("/metrics").text):
        assert family.documentation
        assert f"`{family.name}" in page, family.name
