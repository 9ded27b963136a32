"""Traces from the request through the queue to the trainer, as a collector receives them."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.main import create_app
from models import keys, spans
from models.leases import Claim, Lease
from models.settings import Settings
from models.spans import SILENT, Exporting, open_tracer
from models.status import Status
from tests.fixtures.collectors import Collector, collecting
from tests.worker.yard import Yard, open_yard
from worker.messages import Frame
from worker.spans import AttemptSpans

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{CALLER}-01", f"00-{TRACE}-{CALLER}-00"
CANARY = "canary-c4a1"


@dataclass
class Site:
    """An API and a worker on one database, both sending to one collector."""

    http: TestClient
    yard: Yard
    key: str

    def post(self, name: str, traceparent: str = SAMPLED) -> str:
        document = {
            "name": name,
            "data": {"dataset": "iris"},
            "labels": {"owner": CANARY},
            "resources": {"device": "cpu"},
        }
        answer = self.http.post("/v1/jobs", json=document, headers={"traceparent": traceparent})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def train(self, job_id: str) -> Status:
        self.yard.ring()
        self.yard.join()
        return self.yard.job(job_id).status


@contextmanager
def site(endpoint: str, sqlite_database: Any, tmp_path: Any, spares: Any) -> Iterator[Site]:
    """Everything is sent when the block has ended."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=str(sqlite_database.url),
        broker_url="redis://127.0.0.1:9/0",
        otlp_endpoint=endpoint,
    )
    tracer = open_tracer(settings, part="worker", version="1")
    assert tracer.is_on
    with sqlite_database.unit_of_work() as connection:
        key = keys.create(connection, project="default", name=CANARY, scopes=["admin"])[1]
    with (
        TestClient(create_app(settings), base_url="http://localhost") as http,
        open_yard(sqlite_database, tmp_path, spares, tracer=tracer) as yard,
    ):
        http.headers["Authorization"] = f"Bearer {key}"
        yield Site(http, yard, key)
    tracer.close()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


def test_one_trace_leads_from_the_callers_request_to_every_phase_of_every_attempt(
    sqlite_database, tmp_path, spares, collector: Collector
):
    with site(collector.endpoint, sqlite_database, tmp_path, spares) as running:
        job_id = running.post("invalid")
        assert running.train(job_id) is Status.FAILED
        retried = running.http.post(f"/v1/jobs/{job_id}/retry")
        assert retried.status_code == 202, retried.text
        assert running.train(job_id) is Status.FAILED
        assert running.http.get(f"/v1/jobs/{job_id}").json()["trace_id"] == TRACE
    all_spans = [span for span in collector.spans() if span.trace_id == TRACE]
    (request,) = [span for span in all_spans if span.name == "POST /v1/jobs"]
    assert (request.service, request.parent_id, request.is_error) == ("trainyard-api", CALLER, False)
    assert request.attributes["http.response.status_code"] == 201
    attempts = [span for span in all_spans if span.name == "attempt"]
    assert [span.attributes["trainyard.attempt"] for span in attempts] == [1, 2]
    for attempt in attempts:
        assert (attempt.service, attempt.parent_id, attempt.is_error) == ("trainyard-worker", request.span_id, True)
        assert (attempt.attributes["trainyard.job.id"], attempt.attributes["trainyard.reason"]) == (
            job_id,
            "invalid_data",
        )
        inner = [span for span in all_spans if span.parent_id == attempt.span_id]
        assert [span.name for span in inner] == ["claim", "start", "preparing_data", "training", "finish"]
        assert all(attempt.start <= span.start <= span.end <= attempt.end for span in inner)
        (epochs,) = [span for span in all_spans if span.parent_id == inner[3].span_id]
        assert (epochs.name, epochs.attributes["trainyard.epoch.last"]) == ("epochs", 1)
    queues = [span for span in all_spans if span.name == "queue"]
    assert [(span.parent_id, span.end) for span in queues] == [(request.span_id, span.start) for span in attempts]
    assert CANARY.encode() not in collector.raw
    assert running.key.rsplit("_", 1)[1].encode() not in collector.raw


def test_a_success_has_its_checkpoint_and_what_the_caller_does_not_sample_has_no_spans(
    sqlite_database, tmp_path, spares, collector: Collector
):
    with site(collector.endpoint, sqlite_database, tmp_path, spares) as running:
        silent = running.post("plain", UNSAMPLED)
        loud = running.post("plain", SAMPLED)
        assert running.train(loud) is Status.SUCCEEDED
        assert running.yard.wait(silent).status is Status.SUCCEEDED
        assert running.http.get("/healthz").status_code == 200
        assert running.http.get(f"/v1/jobs/{silent}").json()["trace_id"] == TRACE
    mine = [span for span in collector.spans() if span.attributes.get("trainyard.job.id") == loud]
    (attempt,) = [span for span in mine if span.name == "attempt"]
    assert (attempt.is_error, attempt.attributes["trainyard.job.status"]) == (False, "succeeded")
    phases = {span.name: span for span in collector.spans() if span.parent_id == attempt.span_id}
    (saved,) = [span for span in collector.named("checkpoint") if span.parent_id == phases["saving"].span_id]
    assert (saved.attributes["trainyard.kinds"], saved.attributes["trainyard.step"]) == ("best,final,latest", 20)
    told = {span.attributes.get("trainyard.job.id") for span in collector.named("attempt")}
    assert (loud in told, silent in told) == (True, False)
    assert "/healthz" not in {span.attributes.get("http.route") for span in collector.spans()}


def test_a_collector_that_is_away_stops_nothing(sqlite_database, tmp_path, spares):
    with socket.socket() as deaf:  # it takes connections and says nothing
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        with site(f"http://127.0.0.1:{deaf.getsockname()[1]}", sqlite_database, tmp_path, spares) as running:
            assert running.train(running.post("plain")) is Status.SUCCEEDED
            began = time.monotonic()
            running.yard.tracer.close()
        assert time.monotonic() - began < 60  # not the half minute and more that the library waits by itself, twice


class Counting(Exporting):
    """Remembers the spans that were begun."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint=endpoint, service="t", version="1")
        self.begun: list[str] = []

    def span(self, name: str, **given: Any) -> spans.Span:
        self.begun.append(name)
        return super().span(name, **given)


def test_many_epochs_make_few_spans_and_a_broken_frame_breaks_nothing(collector: Collector, monkeypatch, caplog):
    tracer, clock = Counting(collector.endpoint), iter(range(1, 1_000_000))
    monkeypatch.setattr("worker.spans.time.time", lambda: float(next(clock)))
    claim = Claim(Lease("job_1", 1, "t"), "default", {}, {}, [], traceparent=SAMPLED)
    attempt = AttemptSpans(tracer, claim, began_at=0.0, worker="w", device="cpu")
    attempt.hear(Frame("phase", {"phase": "training"}))
    for epoch in range(1, 20_001):
        attempt.hear(Frame("progress", {"epoch": epoch, "step": epoch}))
    with caplog.at_level(logging.CRITICAL):
        attempt.hear(Frame("progress", {}))
    attempt.end(Status.SUCCEEDED)
    tracer.close()
    assert 64 < tracer.begun.count("epochs") < 64 * 16


def test_without_a_collector_or_the_extra_there_is_a_silent_tracer(monkeypatch: pytest.MonkeyPatch, caplog):
    assert open_tracer(Settings(), part="api", version="1", environment={}) is SILENT
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace", None)
    wanted = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    assert open_tracer(Settings(), part="api", version="1", environment=wanted) is SILENT
    assert "pip install" in caplog.text
    span = SILENT.span("x", parent=None)
    span.note({"a": 1})
    span.end(error="e")
    assert len(span.trace.trace_id) == 32


def test_what_trainers_see_holds_no_variable_of_the_collector(monkeypatch: pytest.MonkeyPatch):
    from worker import spares

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization={CANARY}")
    assert CANARY not in repr(spares._environment())
