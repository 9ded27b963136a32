"""The worker as a process of its own, under Celery, with and without a broker."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from celery import Celery

from models import jobs, spec, workers
from models.database import Database
from models.job import Job
from models.samples import sample
from models.status import Status
from tests.fixtures.waiting import wait_for
from tests.worker.running import is_alive

NO_BROKER = "redis://127.0.0.1:1/0"
QUICK = {
    "TRAINYARD_HEARTBEAT_SECONDS": "0.2",
    "TRAINYARD_DOORBELL_SECONDS": "0.3",
    "TRAINYARD_LEASE_SECONDS": "3600",
    "TRAINYARD_DRAIN_SECONDS": "10",
}

StartWorker = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_worker(tmp_path: Path, sqlite_url: str) -> Iterator[StartWorker]:
    """Starts workers on one data folder; none outlives the test."""
    with ExitStack() as stack:
        yield lambda **environment: stack.enter_context(celery_worker(tmp_path, sqlite_url, environment))


@contextmanager
def celery_worker(folder: Path, database_url: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    settings = {"DATA_DIR": str(folder), "DATABASE_URL": database_url, "BROKER_URL": NO_BROKER, **environment}
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "worker.app",
        "worker",
        "-P",
        "threads",
        "-Q",
        "default",
    ]
    with (folder / "worker.log").open("a") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **QUICK, **{f"TRAINYARD_{name}": value for name, value in settings.items()}},
            stdout=log,
            stderr=log,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def submit(database: Database, *, epochs: int) -> str:
    sent = {"data": {"dataset": "iris"}, "network": "mlp", "training": {"epochs": epochs}, "early_stopping": None}
    resolved = spec.document(spec.resolve(spec.parse(sent), sample("iris").profile))
    with database.unit_of_work() as connection:
        return jobs.submit(connection, project="default", sent=sent, resolved=resolved).id


def wait_for_job(database: Database, job_id: str, status: Status, **wanted: Any) -> Job:
    def there() -> Job | None:
        with database.reading() as connection:
            job = jobs.get(connection, project="default", job_id=job_id)
        return (
            job if job.status == status and all(getattr(job, name) == value for name, value in wanted.items()) else None
        )

    return wait_for(there, f"{job_id} to be {status} {wanted}", timeout_seconds=90)


def descendants(process: subprocess.Popen[str]) -> list[int]:
    return [child.pid for child in psutil.Process(process.pid).children(recursive=True)]


def test_without_a_broker_jobs_are_trained_and_given_back_when_the_worker_stops(start_worker, sqlite_database):
    worker = start_worker()
    short = submit(sqlite_database, epochs=2)
    assert wait_for_job(sqlite_database, short, Status.SUCCEEDED).attempts[0].outcome == "succeeded"
    with sqlite_database.reading() as connection:
        (known,) = workers.listing(connection)
    assert (known.pool, known.slots, known.devices[0]["type"]) == ("default", 1, "cpu")
    endless = submit(sqlite_database, epochs=1_000_000)
    wait_for_job(sqlite_database, endless, Status.RUNNING, phase="training")
    children = descendants(worker)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    job = wait_for_job(sqlite_database, endless, Status.QUEUED)
    assert job.attempts[0].outcome == "drained"
    assert job.progress["step"] > 0
    assert not any(is_alive(pid) for pid in children)
    with sqlite_database.reading() as connection:
        assert workers.listing(connection) == []


def test_a_worker_that_comes_back_takes_up_its_jobs_at_once(start_worker, sqlite_database):
    worker = start_worker()
    job_id = submit(sqlite_database, epochs=1_000_000)
    wait_for_job(sqlite_database, job_id, Status.RUNNING, phase="training")
    children = descendants(worker)
    worker.kill()
    worker.wait()
    wait_for(lambda: not any(is_alive(pid) for pid in children), "its processes to end", timeout_seconds=2)
    start_worker()
    job = wait_for(lambda: second_attempt(sqlite_database, job_id), "a second attempt", timeout_seconds=90)
    assert job.attempts[0].outcome == "lost"
    assert job.attempts[0].worker == job.attempts[1].worker


def second_attempt(database: Database, job_id: str) -> Job | None:
    with database.reading() as connection:
        job = jobs.get(connection, project="default", job_id=job_id)
    return job if len(job.attempts) == 2 and job.phase == "training" else None


def test_a_bell_starts_a_job_and_a_forged_one_does_nothing(start_worker, sqlite_database, broker_url):
    worker = start_worker(BROKER_URL=broker_url, DOORBELL_SECONDS="3600")
    wait_for(lambda: workers_known(sqlite_database), "the worker to register", timeout_seconds=60)
    wait_for(lambda: len(descendants(worker)) >= 2, "the first spare", timeout_seconds=60)
    job_id = submit(sqlite_database, epochs=2)
    with Celery(broker=broker_url).connection_for_write() as connection:
        bell = Celery(broker=broker_url)
        bell.send_task("trainyard.train", args=["job_forged"], queue="default", connection=connection)
        bell.send_task("trainyard.train", queue="default", connection=connection)
    assert len(wait_for_job(sqlite_database, job_id, Status.SUCCEEDED).attempts) == 1


@pytest.mark.parametrize("broker_url", ["redis"], indirect=True)  # brokers differ in nothing that it asks
def test_a_doorbell_never_waits_with_a_busy_worker_while_another_is_idle(start_worker, sqlite_database, broker_url):
    endless = submit(sqlite_database, epochs=1_000_000)
    start_worker(BROKER_URL=broker_url, DOORBELL_SECONDS="3600")
    wait_for_job(sqlite_database, endless, Status.RUNNING, phase="training")
    idle = start_worker(BROKER_URL=broker_url, DOORBELL_SECONDS="3600")
    wait_for(lambda: len(descendants(idle)) >= 2, "the first spare", timeout_seconds=60)
    bell = Celery(broker=broker_url)
    for _ in range(6):  # half of the bells are heard by the busy one
        job_id = submit(sqlite_database, epochs=2)
        with bell.connection_for_write() as connection:
            bell.send_task("trainyard.train", queue="default", connection=connection)
        job = wait_for_job(sqlite_database, job_id, Status.SUCCEEDED)
        assert job.started_at - job.created_at < 10


def test_a_worker_that_has_been_forgotten_makes_itself_known_again(start_worker, sqlite_database):
    start_worker(DOORBELL_SECONDS="3600")
    wait_for(lambda: workers_known(sqlite_database), "the worker to register", timeout_seconds=60)
    with sqlite_database.unit_of_work() as connection:
        (known,) = workers.listing(connection)
        workers.leave(connection, worker_id=known.id)
    wait_for(lambda: workers_known(sqlite_database), "the worker to register again")
    with sqlite_database.reading() as connection:
        assert [worker.id for worker in workers.listing(connection)] == [known.id]


def workers_known(database: Database) -> bool:
    with database.reading() as connection:
        return bool(workers.listing(connection))
