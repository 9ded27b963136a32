"""The service's figures in the text format of Prometheus: the database's at the scrape, this process's own requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.version import service_version
from models.overview import Overview, WorkerFigures

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Requests:
    """How long this process took for its requests, by route, method and status."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "trainyard_request_seconds",
            "Time to answer a request; a long-poll or stream counts until it ends.",
            ["route", "method", "status"],
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def note(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._seconds.labels(route, method, str(status)).observe(seconds)


def exposition(requests: Requests, overview: Overview) -> bytes:
    """Everything there is to scrape."""
    registry = CollectorRegistry()
    registry.register(_Database(overview))
    return generate_latest(registry) + generate_latest(requests.registry)


class _Database(Collector):
    """The figures of the database as metrics."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        about = GaugeMetricFamily("trainyard_info", "Which version this is.", labels=["version"])
        about.add_metric([service_version()], 1)
        yield about
        jobs = GaugeMetricFamily("trainyard_jobs", "Jobs there are.", labels=["pool", "status"])
        for (pool, status), number in sorted(self._overview.jobs.items()):
            jobs.add_metric([pool, status], number)
        yield jobs
        waits = GaugeMetricFamily(
            "trainyard_queue_oldest_wait_seconds", "How long the longest waiting job has been due.", labels=["pool"]
        )
        for pool, seconds in sorted(self._overview.oldest_wait_seconds.items()):
            waits.add_metric([pool], seconds)
        yield waits
        attempts = CounterMetricFamily("trainyard_attempts", "Attempts that have ended.", labels=["outcome"])
        for outcome, number in sorted(self._overview.attempts.items()):
            attempts.add_metric([outcome], number)
        yield attempts
        yield GaugeMetricFamily(
            "trainyard_webhook_deliveries_pending",
            "Events that webhooks are still owed.",
            value=self._overview.pending_deliveries,
        )
        yield from _worker_metrics(self._overview.workers)


def _worker_metrics(workers: list[WorkerFigures]) -> Iterator[Metric]:
    labels = ["worker", "pool"]
    slots = GaugeMetricFamily("trainyard_worker_slots", "Jobs that a live worker can run at once.", labels=labels)
    running = GaugeMetricFamily("trainyard_worker_running", "Attempts that a live worker runs.", labels=labels)
    draining = GaugeMetricFamily("trainyard_worker_draining", "Whether it takes no new jobs.", labels=labels)
    quarantined = GaugeMetricFamily(
        "trainyard_worker_quarantined", "Slots that take no jobs because their device has failed.", labels=labels
    )
    said = GaugeMetricFamily(
        "trainyard_worker_utilisation", "What a worker last said of its machine.", labels=[*labels, "figure"]
    )
    for worker in sorted(workers, key=lambda worker: worker.name):
        at = [worker.name, worker.pool]
        slots.add_metric(at, worker.slots)
        running.add_metric(at, worker.running)
        draining.add_metric(at, worker.draining)
        quarantined.add_metric(at, worker.quarantined)
        for figure, value in _numbers("", worker.utilisation):
            said.add_metric([*at, figure], value)
    yield from (slots, running, draining, quarantined, said)


def _numbers(prefix: str, document: object) -> Iterator[tuple[str, float]]:
    """Every number in a document, by a name that tells where it stands: `devices.0.memory_used_bytes`."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from _numbers(f"{prefix}.{name}" if prefix else str(name), value)
    elif isinstance(document, list):
        for place, value in enumerate(document):
            yield from _numbers(f"{prefix}.{place}", value)
    elif isinstance(document, int | float) and not isinstance(document, bool):
        yield prefix, float(document)
