"""Endings: each outcome leads where the protocol says, once, whoever races and however often it is told."""

from typing import Any

import pytest
from sqlalchemy import update

from models import checkpoints, controls, doorbells, endings, events, leases
from models.database import Database
from models.errors import Superseded
from models.status import Outcome, Status
from models.tables import jobs
from tests.models.steps import INFRASTRUCTURE_FAULT, USER_FAULT, claim, end, held, job, running, statuses, submit


def _ask(database: Database, operation: str, job_id: str) -> None:
    with database.unit_of_work() as connection:
        getattr(controls, operation)(connection, project="default", job_id=job_id)


def test_a_success_keeps_result_and_digest_and_ends_the_lease(database: Database) -> None:
    lease = running(database)
    assert (
        end(database, lease, Outcome.SUCCEEDED, result={"parameters": 9, "loss": float("nan")}, digest="d")
        is Status.SUCCEEDED
    )
    seen = job(database, lease.job_id)
    assert seen.result == {"parameters": 9, "loss": "NaN"}
    assert (seen.attempts[0].outcome, seen.progress["fraction"]) == ("succeeded", 1.0)
    assert statuses(database, lease.job_id) == ["queued", "running", "succeeded"]
    with database.reading() as connection:
        assert doorbells.overdue(connection) == {}


@pytest.mark.parametrize(
    ("asked", "outcome", "expected"),
    [
        ("cancel", Outcome.CANCELLED, Status.CANCELLED),
        ("cancel", Outcome.SUCCEEDED, Status.SUCCEEDED),
        ("cancel", Outcome.FAILED, Status.CANCELLED),
        ("cancel", Outcome.DRAINED, Status.CANCELLED),
        ("pause", Outcome.PAUSED, Status.PAUSED),
        ("pause", Outcome.DRAINED, Status.PAUSED),
        ("pause", Outcome.SUCCEEDED, Status.SUCCEEDED),
        ("pause", Outcome.FAILED, Status.FAILED),
    ],
)
def test_what_was_asked_meets_what_happened(database: Database, asked: str, outcome: Outcome, expected: Status) -> None:
    lease = running(database)
    _ask(database, asked, lease.job_id)
    words = {"reason": USER_FAULT} if outcome is Outcome.FAILED else {}
    assert end(database, lease, outcome, **words) is expected
    assert job(database, lease.job_id).status is expected


def test_a_pause_that_was_taken_back_goes_on(database: Database) -> None:
    lease = running(database)
    _ask(database, "pause", lease.job_id)
    _ask(database, "resume", lease.job_id)
    assert end(database, lease, Outcome.PAUSED) is Status.QUEUED


def test_a_drained_job_is_claimable_at_once_and_charged_nothing(database: Database) -> None:
    lease = running(database, retries={"user": 0, "infrastructure": 0})
    assert end(database, lease, Outcome.DRAINED) is Status.QUEUED
    with database.reading() as connection:
        assert doorbells.overdue(connection) == {"default": 1}
    assert claim(database) is not None


def test_a_fault_of_the_user_is_final_unless_the_spec_grants_retries(database: Database) -> None:
    assert end(database, running(database), Outcome.FAILED, reason=USER_FAULT) is Status.FAILED
    forgiven = running(database, retries={"user": 1, "infrastructure": 10})
    assert end(database, forgiven, Outcome.FAILED, reason=USER_FAULT, backoff_seconds=0.0) is Status.QUEUED
    again = claim(database)
    assert again is not None
    assert end(database, again.lease, Outcome.FAILED, reason=USER_FAULT) is Status.FAILED
    assert job(database, forgiven.job_id).reason == USER_FAULT


@pytest.mark.parametrize("outcome", [Outcome.DRAINED, Outcome.LOST, Outcome.FAILED])
def test_what_is_not_a_jobs_fault_does_not_cost_its_place_in_the_queue(database: Database, outcome: Outcome) -> None:
    lease = running(database)
    behind = submit(database).id
    if outcome is Outcome.LOST:
        with database.unit_of_work() as connection:
            assert endings.recover(connection, worker_ids=["wrk_worker-1"]) == [(lease.job_id, Status.QUEUED)]
    else:
        reason = INFRASTRUCTURE_FAULT if outcome is Outcome.FAILED else None
        end(database, lease, outcome, reason=reason, backoff_seconds=0.0)
    assert job(database, behind).queue.ahead == 1
    assert claim(database).lease.job_id == lease.job_id


def test_a_fault_of_the_user_sends_a_job_behind_those_that_wait(database: Database) -> None:
    lease = running(database, retries={"user": 1, "infrastructure": 10})
    behind = submit(database).id
    end(database, lease, Outcome.FAILED, reason=USER_FAULT, backoff_seconds=0.0)
    assert job(database, behind).queue.ahead == 0
    assert claim(database).lease.job_id == behind


def test_a_job_that_got_on_before_it_failed_is_tried_again_at_once(database: Database) -> None:
    lease = running(database)
    with held(database, lease) as connection:
        connection.execute(update(jobs).values(last_checkpoint_step=10))
    end(database, lease, Outcome.FAILED, reason=INFRASTRUCTURE_FAULT, backoff_seconds=500.0)
    assert claim(database) is not None


def test_three_attempts_without_a_newer_checkpoint_end_the_job(database: Database) -> None:
    lease = running(database)
    for expected in (Status.QUEUED, Status.QUEUED, Status.FAILED):
        assert end(database, lease, Outcome.FAILED, reason=INFRASTRUCTURE_FAULT, backoff_seconds=0.0) is expected
        following = claim(database)
        lease = following.lease if following else lease
    reason = job(database, lease.job_id).reason
    assert reason is not None
    assert reason["code"] == "no_progress"
    assert "the device is gone" in reason["message"]


def test_infrastructure_failures_end_where_the_budget_does(database: Database) -> None:
    lease = running(database, retries={"user": 0, "infrastructure": 0})
    assert end(database, lease, Outcome.FAILED, reason=INFRASTRUCTURE_FAULT) is Status.FAILED
    assert job(database, lease.job_id).reason == INFRASTRUCTURE_FAULT


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.DRAINED])
def test_an_ending_told_twice_is_recognised(database: Database, outcome: Outcome) -> None:
    lease = running(database)
    words = {"reason": USER_FAULT} if outcome is Outcome.FAILED else {"digest": "d", "result": {}}
    first = end(database, lease, outcome, **words)
    assert end(database, lease, outcome, **words) is first
    assert len(statuses(database, lease.job_id)) == 3


def test_another_ending_of_an_attempt_that_has_ended_is_refused(database: Database) -> None:
    lease = running(database)
    end(database, lease, Outcome.SUCCEEDED, result={}, digest="d")
    with pytest.raises(Superseded):
        end(database, lease, Outcome.FAILED, reason=USER_FAULT)
    with pytest.raises(Superseded):
        end(database, lease, Outcome.SUCCEEDED, result={}, digest="other")


def test_a_restarted_worker_gets_its_own_jobs_back_at_once(database: Database) -> None:
    lease = running(database)
    with database.unit_of_work() as connection:
        assert endings.recover(connection, worker_ids=["wrk_somebody-else"]) == []
        assert endings.recover(connection, worker_ids=["wrk_worker-1"]) == [(lease.job_id, Status.QUEUED)]
    with pytest.raises(Superseded):
        end(database, lease, Outcome.SUCCEEDED, result={}, digest="d")
    assert job(database, lease.job_id).attempts[0].outcome == "lost"
    assert claim(database) is not None


def test_every_event_of_a_job_has_the_next_number(database: Database) -> None:
    lease = running(database)
    end(database, lease, Outcome.DRAINED)
    claimed = claim(database)
    assert claimed is not None
    end(database, claimed.lease, Outcome.SUCCEEDED, result={}, digest="d")
    with database.reading() as connection:
        log = events.listing(connection, job_id=lease.job_id)
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    assert [event.type for event in log] == ["job.queued", "job.running", "job.queued", "job.running", "job.succeeded"]


def test_a_stop_that_was_asked_for_before_a_drain_is_still_asked_of_the_next_attempt(database: Database) -> None:
    lease = running(database)
    _ask(database, "stop", lease.job_id)
    end(database, lease, Outcome.DRAINED)
    again = claim(database)
    assert again is not None
    with database.unit_of_work() as connection:
        assert leases.beat(connection, again.lease, lease_seconds=60.0).stop


@pytest.mark.parametrize("fault", [INFRASTRUCTURE_FAULT, None])
def test_a_pause_outlives_the_loss_or_failure_of_the_attempt_that_was_asked(
    database: Database, fault: dict[str, Any] | None
) -> None:
    lease = running(database)
    _ask(database, "pause", lease.job_id)
    if fault is None:
        with database.unit_of_work() as connection:
            assert endings.recover(connection, worker_ids=["wrk_worker-1"]) == [(lease.job_id, Status.PAUSED)]
    else:
        assert end(database, lease, Outcome.FAILED, reason=fault) is Status.PAUSED
    assert claim(database) is None
    _ask(database, "resume", lease.job_id)
    assert claim(database) is not None


def test_an_attempt_that_goes_on_from_an_older_checkpoint_makes_progress_from_there(database: Database) -> None:
    lease = running(database)
    for step in (500, 600):
        _checkpoint(database, lease, step)
    for step in (510, 520, 530, 540):
        end(database, lease, Outcome.FAILED, reason=INFRASTRUCTURE_FAULT, backoff_seconds=0.0)
        following = claim(database)
        assert following is not None, "the job was given up although it got on"
        lease = following.lease
        with held(database, lease) as connection:
            leases.resumed(connection, lease, step=step - 10)
        _checkpoint(database, lease, step)


def _checkpoint(database: Database, lease: leases.Lease, step: int) -> None:
    saved = checkpoints.Saved(
        step=step,
        epoch=1,
        is_best=False,
        is_final=False,
        metrics={},
        files=[],
        location=f"jobs/x/{lease.attempt}/{step}",
        manifest_sha256="0" * 64,
    )
    with held(database, lease) as connection:
        checkpoints.record(connection, job_id=lease.job_id, attempt=lease.attempt, saved=saved)


def test_a_full_disk_is_waited_for_and_taken_for_no_stall(database: Database) -> None:
    full = {"code": "storage_full", "message": "no room", "param": None, "fault": "infrastructure"}
    lease = running(database, retries={"user": 0, "infrastructure": 6})
    for _ in range(6):
        assert end(database, lease, Outcome.FAILED, reason=full, backoff_seconds=0.0) is Status.QUEUED
        lease = claim(database).lease
    assert end(database, lease, Outcome.FAILED, reason=full) is Status.FAILED
    assert job(database, lease.job_id).reason["code"] == "storage_full"
