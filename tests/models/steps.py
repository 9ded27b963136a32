"""The steps that tests of the domain are told in: submit, claim, end."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
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


def submit(
    database: Database, *, project: str = "default", sent: Mapping[str, Any] = MappingProxyType({}), **resolved: Any
) -> Job:
    with database.unit_of_work() as connection:
        return jobs.submit(connection, project=project, sent={"data": {}, **sent}, resolved={**RESOLVED, **resolved})


def claim(database: Database, *, worker: str = "worker-1", **words: Any) -> Claim | None:
    given = {"pool": "default", "device": "cpu", "lease_seconds": 60.0, **words}
    with database.unit_of_work() as connection:
        return leases.claim(connection, worker_id=f"wrk_{worker}", worker=worker, **given)


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
