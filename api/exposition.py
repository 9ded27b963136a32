"""The service's figures in the text format of Prometheus: the database's at the scrape, this process's own requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.version import service_version
from models.overview import Overview, WorkerFigures

#: Jobs taken from silent workers, rings repeated for due jobs that nobody has claimed, files that belonged to nobody,
#: checkpoints whose files are gone.
REPAIRS: Final = ("reaped", "doorbell", "orphan", "damaged")
#: The shares of the newest jobs that have begun within the wait that is told.
_QUANTILES: Final = (0.5, 0.95, 1.0)
_GPU_FIGURES: Final = (
    ("utilisation_percent", "trainyard_gpu_utilisation_ratio", 0.01, "Share of the time that a GPU computed lately."),
    ("memory_used_bytes", "trainyard_gpu_memory_used_bytes", 1, "Memory of a GPU in use."),
    ("memory_total_bytes", "trainyard_gpu_memory_bytes", 1, "Memory that a GPU has."),
    ("temperature_celsius", "trainyard_gpu_temperature_celsius", 1, "How warm a GPU is."),
)
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


# When a series began is of no use to anybody, and doubles what is scraped.
disable_created_metrics()  # type: ignore[no-untyped-call]


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
        self._series: dict[tuple[str, str, int], Histogram] = {}  # finding one by its labels takes a while

    def note(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        series = self._series.get((route, method, status))
        if series is None:
            series = self._series[route, method, status] = self._seconds.labels(route, method, str(status))
        series.observe(seconds)


class Repairs:
    """What the sweeps of this process had to put right. Of a healthy service all but `doorbell` stand still: a job that
    waits for busy workers is rung for again and again.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counter = Counter(
            "trainyard_repairs", "What a sweep of this process has put right.", ["kind"], registry=self.registry
        )
        for kind in REPAIRS:
            self._counter.labels(kind)

    def note(self, kind: str, num: int = 1) -> None:
        """Count repairs of one of `REPAIRS`."""
        self._counter.labels(kind).inc(num)


@dataclass(frozen=True, slots=True)
class Scrape:
    """What is told at one scrape. `overview` is None where the database did not answer."""

    overview: Overview | None
    parts: Mapping[str, bool]
    overview_seconds: float
    busy_connections: int


def exposition(scrape: Scrape, *others: CollectorRegistry) -> bytes:
    """Everything there is to scrape: the service as the database knows it, and this process."""
    registry = CollectorRegistry()
    registry.register(_Process(scrape))
    if scrape.overview is not None:
        registry.register(_Database(scrape.overview))
    return b"".join(map(generate_latest, (registry, *others)))


class _Process(Collector):
    """What this process needs, and how it finds it."""

    def __init__(self, scrape: Scrape) -> None:
        self._scrape = scrape

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        about = GaugeMetricFamily("trainyard_info", "Which version this is.", labels=["version"])
        about.add_metric([service_version()], 1)
        yield about
        up = GaugeMetricFamily("trainyard_part_up", "Whether a part of /readyz is ok.", labels=["part"])
        for part, is_up in self._scrape.parts.items():
            up.add_metric([part], is_up)
        yield up
        yield GaugeMetricFamily(
            "trainyard_database_seconds", "Time the database took for this scrape.", value=self._scrape.overview_seconds
        )
        yield GaugeMetricFamily(
            "trainyard_database_connections", "Connections in use by this process.", value=self._scrape.busy_connections
        )


class _Database(Collector):
    """The figures of the database as metrics."""

    def __init__(self, overview: Overview) -> None:
        self._overview = overview

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
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
        begun = GaugeMetricFamily(
            "trainyard_queue_wait_seconds",
            "Within which time so many of the newest 500 jobs have begun.",
            labels=["pool", "quantile"],
        )
        for pool, newest in sorted(self._overview.waits.items()):
            for quantile in _QUANTILES:
                begun.add_metric([pool, str(quantile)], _quantile(newest, quantile))
        yield begun
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
    yield from _gpu_metrics(workers)


def _gpu_metrics(workers: list[WorkerFigures]) -> Iterator[Metric]:
    """The GPUs of live workers, by place; none where no worker has one."""
    labels = ["worker", "pool", "gpu"]
    for figure, name, scale, told in _GPU_FIGURES:
        family = GaugeMetricFamily(name, told, labels=labels)
        for worker in workers:
            gpus = worker.utilisation.get("gpus")
            for place, gpu in enumerate(gpus if isinstance(gpus, list) else []):
                if isinstance(value := gpu.get(figure), int | float):
                    family.add_metric([worker.name, worker.pool, str(place)], value * scale)
        yield family


def _quantile(values: list[float], share: float) -> float:
    """The smallest value that this share of all does not exceed."""
    return sorted(values)[ceil(share * len(values)) - 1]


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
