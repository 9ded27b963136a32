"""The whole service as real processes on a PostgreSQL and a broker that a test may hurt, and what a test asks of it."""

import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from launcher import processes
from models.clock import parse_rfc3339
from tests.fixtures import brokers, freezing
from tests.fixtures.postgresql import OwnServer, own_server
from tests.fixtures.proxy import Proxy
from tests.fixtures.services import RunningService, running_service
from tests.fixtures.waiting import free_port, wait_for
from tests.reliability.clocks import make_steppable

#: A job that is over as soon as it has begun.
TINY = {
    "data": {"dataset": "iris"},
    "network": {"type": "mlp", "hidden": [4]},
    "training": {"epochs": 1},
    "evaluation": {"baselines": False},
}
#: A job that goes on until it is told otherwise, saving now and then.
ENDLESS = {
    "data": {"dataset": "digits"},
    "network": {"type": "mlp", "hidden": [256, 256]},
    "training": {"epochs": 1_000_000},
    "checkpoints": {"every": "500 steps"},
    "early_stopping": None,
    "evaluation": {"baselines": False},
}
#: A job that waits for others says little of how soon an idle worker hears of one.
MOST_WAITING = 12
SETTINGS = {
    "TRAINYARD_SLOTS": "2",
    "TRAINYARD_HEARTBEAT_SECONDS": "2",
    "TRAINYARD_LEASE_SECONDS": "8",
    "TRAINYARD_REAPER_SECONDS": "0.5",
}


@dataclass
class Broker:
    """A Redis that a test may stop, kill, freeze and empty, behind a proxy that may fall silent."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return once it answers."""
        self.process = brokers.start(brokers.redis_or_valkey_server(), self.folder, self.port)

    def stop(self, *, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it."""
        if self.process is not None:
            processes.stop(self.process, how=how)


@dataclass
class Rig:
    """A running service, and what it stands on."""

    service: RunningService
    broker: Broker
    proxy: Proxy
    postgresql: OwnServer

    @property
    def broker_url(self) -> str:
        """The broker itself, past the proxy."""
        return f"redis://127.0.0.1:{self.broker.port}/0"

    def submit_paced(
        self, num_jobs: int, *, pause: Callable[[], object], most_waiting: int = MOST_WAITING
    ) -> list[str]:
        """Submit tiny jobs one by one, slowly enough that few wait for others, however slow the machine is."""
        job_ids = []
        for _ in range(num_jobs):
            wait_for(lambda: self.num_waiting() < most_waiting, "the queue to be short", timeout_seconds=120)
            job_ids.append(self.service.submit(TINY))
            pause()
        return job_ids

    def num_waiting(self, *, or_training: bool = False) -> int:
        """Jobs that are queued, up to as many as may be; with `or_training` also those that run."""
        query = f"limit={MOST_WAITING}&status=queued{'&status=running' if or_training else ''}"
        return len(self.service.call("GET", f"/v1/jobs?{query}").json()["data"])

    @contextmanager
    def frozen(self, *, parts: Sequence[str] = ()) -> Iterator[None]:
        """Stop every process of the service, its database and its broker in its tracks, or these parts alone; the API
        is the first to go on.
        """
        roots = [self.service.pid(part) for part in parts or ("api", "worker")]
        if not parts:
            roots += [self.broker.process.pid, self.postgresql.process.pid]
        with freezing.frozen(*roots):
            yield

    @contextmanager
    def trainers_frozen(self) -> Iterator[None]:
        """Stop what trains, which needs a whole core; who keeps its lease goes on."""
        worker = psutil.Process(self.service.pid("worker"))
        with freezing.frozen(*(child.pid for forked in worker.children() for child in forked.children())):
            yield

    def finished(self, job_ids: Sequence[str], *, timeout_seconds: float = 120.0) -> list[dict[str, Any]]:
        """The jobs once all of them have ended."""
        return [self.service.wait(job_id, timeout_seconds=timeout_seconds) for job_id in job_ids]

    @contextmanager
    def training(self) -> Iterator[str]:
        """A job that trains while the block runs; it is cancelled then, and over."""
        job_id = self.service.submit(ENDLESS)
        try:
            wait_for(lambda: (self.service.job(job_id)["progress"]["step"] or 0) > 100, "steps", timeout_seconds=60)
            yield job_id
        finally:
            self.service.call("POST", f"/v1/jobs/{job_id}/cancel")
            self.service.wait(job_id)

    def step_times(self, job_id: str) -> "np.ndarray[Any, np.dtype[np.float64]]":
        """When each step of a job was trained, in seconds since the epoch; checks that none is missing or doubled."""
        series = self.service.call("GET", f"/v1/jobs/{job_id}/metrics/train/loss?max_points=100000").json()
        assert series["step"] == list(range(1, len(series["step"]) + 1))
        return np.array([parse_rfc3339(time) for time in series["time"]])


def start_latencies(jobs: Sequence[dict[str, Any]]) -> list[float]:
    """Seconds from each job's submission to the first claim."""
    return [parse_rfc3339(job["started_at"]) - parse_rfc3339(job["created_at"]) for job in jobs]


def p99(seconds: Sequence[float]) -> float:
    """The 99th percentile, or the longest of fewer than a hundred."""
    return float(np.quantile(seconds, 0.99, method="higher"))


@contextmanager
def running_rig(folder: Path, **settings: str) -> Iterator[Rig]:
    """Everything started; everything gone afterwards."""
    broker = Broker(folder)
    broker.start()
    proxy = Proxy(broker.port)
    try:
        with own_server() as postgresql:
            make_steppable(postgresql.url)
            urls = {
                "TRAINYARD_DATABASE_URL": postgresql.url,
                "TRAINYARD_BROKER_URL": f"redis://127.0.0.1:{proxy.port}/0",
            }
            with running_service(folder / "data", **SETTINGS, **urls, **settings) as service:
                service.train(TINY)  # the worker has warmed up
                yield Rig(service, broker, proxy, postgresql)
    finally:
        proxy.close()
        broker.stop()
