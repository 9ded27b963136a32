"""A worker's slots over a real database and the stand-in training, and what a test asks of them."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models import controls, events, jobs, logs, metrics
from models.artifacts import ArtifactStore, LocalStore
from models.database import Connection, Database
from models.destinations import Destinations
from models.errors import Unavailable
from models.job import Job
from models.settings import Settings
from models.spans import SILENT, Tracer
from models.status import Status
from tests.fixtures.waiting import wait_for
from tests.worker.running import job_spec
from worker.node import Device, Identity, identify
from worker.slots import Slots
from worker.spares import Spares
from worker.tracking.feeder import Patience
from worker.tracking.process import COMMAND
from worker.tracking.trackers import Trackers

PROJECT = "default"
SHORT = {
    "heartbeat_seconds": 0.1,
    "lease_seconds": 5,
    "stop_grace_seconds": 5,
    "drain_seconds": 5,
    "watchdog_seconds": 30,
    "offline_seconds": 30,
}
CPU = Device("cpu", "a processor", 1 << 30, {"CUDA_VISIBLE_DEVICES": ""})


class AwayDatabase(Database):
    """A database that can be taken away: nothing answers, or answers get lost behind the commit."""

    is_away = False
    loses_answers = False
    loses_every = 0  # of so many answers the first is lost
    num_answers = 0
    num_refused = 0

    @contextmanager
    def unit_of_work(self) -> Iterator[Connection]:
        """As of old, if it is there."""
        if self.is_away:
            self.num_refused += 1
            raise Unavailable("the database is away")
        with super().unit_of_work() as connection:
            yield connection
        self.num_answers += 1
        if self.loses_answers or (self.loses_every and self.num_answers % self.loses_every == 1):
            self.num_refused += 1
            raise Unavailable("the connection broke behind the commit")


@dataclass
class Yard:
    """One worker, and the questions a test has."""

    database: Database
    folder: Path
    spares: Spares
    settings: Settings
    identity: Identity = field(init=False)
    slots: Slots = field(init=False)
    trackers: Trackers = field(init=False)
    patience: Patience = field(default_factory=Patience)
    tracker_command: Sequence[str] = COMMAND
    tracer: Tracer = SILENT
    store: ArtifactStore | None = None
    threads: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.identity = identify(self.folder / "workers")
        store = self.store = self.store or LocalStore(self.folder / "artifacts")
        self.trackers = Trackers(
            Destinations.of(self.settings),
            database=self.database,
            store=store,
            patience=self.patience,
            command=self.tracker_command,
        )
        self.slots = Slots(
            self.settings,
            database=self.database,
            store=store,
            identity=self.identity,
            devices=[CPU],
            spares=self.spares,
            trackers=self.trackers,
            tracer=self.tracer,
        )

    def submit(self, name: str = "plain", **sections: Any) -> str:
        """Queue a job; its id."""
        spec = job_spec(name, **sections)
        with self.database.unit_of_work() as connection:
            return jobs.submit(connection, project=PROJECT, sent=spec, resolved=spec).id

    def ring(self) -> None:
        """Let a thread answer the doorbell."""
        thread = threading.Thread(target=self.slots.work)
        thread.start()
        self.threads.append(thread)

    def job(self, job_id: str) -> Job:
        """The job as it stands."""
        with self.database.reading() as connection:
            return jobs.get(connection, project=PROJECT, job_id=job_id)

    def wait(self, job_id: str, *statuses: Status, phase: str | None = None) -> Job:
        """Wait for a job to reach one of the statuses, or its end."""
        wanted = statuses or (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)

        def there() -> Job | None:
            job = self.job(job_id)
            return job if job.status in wanted and phase in {None, job.phase} else None

        return wait_for(there, f"{job_id} to be {wanted} {phase or ''}")

    def train(self, name: str, **sections: Any) -> Job:
        """Submit, ring, and wait for the end."""
        job_id = self.submit(name, **sections)
        self.ring()
        self.join()
        return self.job(job_id)

    def control(self, operation: str, job_id: str) -> None:
        """Cancel, pause, resume or stop."""
        with self.database.unit_of_work() as connection:
            getattr(controls, operation)(connection, project=PROJECT, job_id=job_id)

    def events(self, job_id: str) -> list[str]:
        """The types of a job's events."""
        with self.database.reading() as connection:
            return [event.type for event in events.listing(connection, job_id=job_id)]

    def phases(self, job_id: str) -> list[str]:
        """The phases that a job has told of."""
        with self.database.reading() as connection:
            told = events.listing(connection, job_id=job_id)
        return [event.data["phase"] for event in told if event.type == "job.phase"]

    def log(self, job_id: str) -> str:
        """A job's log."""
        with self.database.reading() as connection:
            return logs.read(connection, job_id=job_id).content.decode()

    def losses(self, job_id: str) -> list[int]:
        """The steps of a job's losses."""
        with self.database.reading() as connection:
            return metrics.series(connection, job_id=job_id, name="train/loss").steps.tolist()

    def join(self) -> None:
        """Wait for everything that rang to be done."""
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a slot still works"
        self.threads.clear()


@contextmanager
def open_yard(
    database: Database,
    folder: Path,
    spares: Spares,
    *,
    patience: Patience | None = None,
    tracker_command: Sequence[str] = COMMAND,
    tracer: Tracer = SILENT,
    store: ArtifactStore | None = None,
    **settings: Any,
) -> Iterator[Yard]:
    """A worker of two slots with short deadlines; whatever still trains at the end is drained."""
    logging.getLogger("worker").setLevel(logging.INFO)
    chosen = Settings(data_dir=folder, slots=2, **{**SHORT, **settings})
    patience = patience or Patience()
    yard = Yard(
        database,
        folder,
        spares,
        chosen,
        patience=patience,
        tracker_command=tracker_command,
        tracer=tracer,
        store=store,
    )
    try:
        yield yard
    finally:
        yard.slots.drain()
        yard.join()
        yard.trackers.close(0)
        yard.identity.release()
