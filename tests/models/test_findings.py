"""Findings in the database: one a rule, an event with each, gone with a start from nothing and with the job."""

from typing import Any

from models import controls, events, findings, jobs, leases
from models.database import Database
from models.leases import Lease
from tests.models.steps import held, running, submit

SAID = {"severity": "warning", "message": "It vanishes.", "evidence": {"a": 1e-9}, "suggestion": {"message": "Skip."}}


def find(database: Database, lease: Lease, *, rule: str = "vanishing_gradient", step: int = 10, **more: Any) -> None:
    with held(database, lease) as connection:
        leases.found(connection, lease, rule=rule, step=step, said={**SAID, **more})


def listed(database: Database, job_id: str) -> list[tuple[str, int]]:
    with database.reading() as connection:
        return [(one.rule, one.step) for one in findings.listing(connection, job_id=job_id)]


def told(database: Database, job_id: str) -> list[dict[str, Any]]:
    with database.reading() as connection:
        return [one.data for one in events.listing(connection, job_id=job_id) if one.type == "job.finding"]


def test_a_finding_is_kept_and_told(database: Database):
    lease = running(database)
    find(database, lease, rule="overfitting", step=20)
    find(database, lease)
    assert listed(database, lease.job_id) == [("vanishing_gradient", 10), ("overfitting", 20)]
    assert told(database, lease.job_id)[0] == {"rule": "overfitting", "first_step": 20, **SAID}
    with database.reading() as connection:
        first = findings.listing(connection, job_id=lease.job_id)[0].document()
    assert {name: first[name] for name in SAID} == SAID
    assert first["first_step"] == 10


def test_a_rule_that_finds_something_again_after_a_resume_says_nothing_new(database: Database):
    lease = running(database)
    find(database, lease)
    with held(database, lease) as connection:
        leases.resumed(connection, lease, step=5)
    find(database, lease, message="Again.")
    assert listed(database, lease.job_id) == [("vanishing_gradient", 10)]
    assert len(told(database, lease.job_id)) == 1


def test_a_start_from_nothing_forgets_them(database: Database):
    lease = running(database)
    find(database, lease)
    with held(database, lease) as connection:
        leases.restarted(connection, lease)
    assert listed(database, lease.job_id) == []
    find(database, lease, step=30)
    assert listed(database, lease.job_id) == [("vanishing_gradient", 30)]


def test_they_go_with_their_job(database: Database):
    job = submit(database)
    with database.unit_of_work() as connection:
        findings.add(connection, job_id=job.id, rule="overfitting", step=1, said=SAID)
        controls.cancel(connection, project="default", job_id=job.id)
        jobs.remove(connection, project="default", job_id=job.id)
    assert listed(database, job.id) == []
