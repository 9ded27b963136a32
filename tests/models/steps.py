"""The steps that tests of the domain are told in: submit, claim, end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from models import endings, jobs, leases
from models.database import Database
from models.job import Job
from models.leases import Claim, Lease
from models.status import Outcome, Status

RESOLVED: dict[str, Any] = {
    "name": None,
    "resources": {"pool": "default"},
    "priority": 0,
    "labels": {},
    "retries": {"user": 0, "infrastructure": 10},
}
USER_FAULT = {"code": "diverged", "message": "the loss is not finite", "param": None, "fault": "user"}
INFRASTRUCTURE_FAULT = {"code": "gpu_fault", "message": "the device is gone", "param": None, "fault": "infrastructure"}


def submit(database: Database, *, project: str = "default", **resolved: Any) -> Job:
    with database.unit_of_work() as connection:
        return jobs.submit(connection, project=project, sent={"data": {}}, resolved={**RESOLVED, **resolved})


def claim(
    database: Database, *, pool: str = "default", worker: str = "worker-1", lease_seconds: float = 60.0
) -> Claim | None:
    with database.unit_of_work() as connection:
        return leases.claim(
            connection, pool=pool, worker_id=f"wrk_{worker}", worker=worker, device="cpu", lease_seconds=lease_seconds
        )


def running(database: Database, **resolved: Any) -> Lease:
    job = submit(database, **resolved)
    claimed = claim(database)
    assert claimed is not None
    assert claimed.lease.job_id == job.id
    return claimed.lease


def end(database: Database, lease: Lease, outcome: Outcome, **words: Any) -> Status:
    with database.unit_of_work() as connection:
        return endings.end(connection, lease, endings.Ending(outcome=outcome, **words))


def job(database: Database, job_id: str) -> Job:
    with database.reading() as connection:
        return jobs.get(connection, project="default", job_id=job_id)


def statuses(database: Database, job_id: str) -> list[str]:
    return [status for status, _ in job(database, job_id).history]


@contextmanager
def held(database: Database, lease: Lease) -> Iterator[Connection]:
    with leases.holding(database, lease, lease_seconds=60.0) as connection:
        yield connection
