"""Controls: every operation on every status answers as the transition table says."""

import pytest

from models import controls
from models.database import Database
from models.errors import Conflict, NotFound
from models.status import TRANSITIONS, Outcome, Status
from tests.models.steps import USER_FAULT, claim, end, job, running, submit

OPERATIONS = ["cancel", "pause", "resume", "stop", "retry"]

#: operation -> status before -> (status after, whether anything changed); what is missing is a conflict
EXPECTED: dict[str, dict[Status, tuple[Status, bool]]] = {
    "cancel": {
        Status.QUEUED: (Status.CANCELLED, True),
        Status.PAUSED: (Status.CANCELLED, True),
        Status.RUNNING: (Status.CANCELLING, True),
        Status.PAUSING: (Status.CANCELLING, True),
        Status.CANCELLING: (Status.CANCELLING, False),
        Status.CANCELLED: (Status.CANCELLED, False),
    },
    "pause": {
        Status.QUEUED: (Status.PAUSED, True),
        Status.RUNNING: (Status.PAUSING, True),
        Status.PAUSING: (Status.PAUSING, False),
        Status.PAUSED: (Status.PAUSED, False),
    },
    "resume": {
        Status.PAUSED: (Status.QUEUED, True),
        Status.PAUSING: (Status.RUNNING, True),
        Status.QUEUED: (Status.QUEUED, False),
        Status.RUNNING: (Status.RUNNING, False),
    },
    "stop": {Status.RUNNING: (Status.RUNNING, True), Status.SUCCEEDED: (Status.SUCCEEDED, False)},
    "retry": {
        Status.FAILED: (Status.QUEUED, True),
        Status.CANCELLED: (Status.QUEUED, True),
        Status.QUEUED: (Status.QUEUED, False),
        Status.RUNNING: (Status.RUNNING, False),
    },
}


def _ask(database: Database, operation: str, job_id: str, **words: bool) -> controls.Answer:
    with database.unit_of_work() as connection:
        return getattr(controls, operation)(connection, project="default", job_id=job_id, **words)


def _brought_to(database: Database, status: Status) -> str:
    job_id = submit(database).id if status in {Status.QUEUED, Status.PAUSED} else running(database).job_id
    match status:
        case Status.PAUSED | Status.PAUSING:
            _ask(database, "pause", job_id)
        case Status.CANCELLING:
            _ask(database, "cancel", job_id)
    return job_id


def _ended(database: Database, status: Status) -> str:
    lease = running(database)
    if status is Status.CANCELLED:
        _ask(database, "cancel", lease.job_id)
    outcome = {Status.SUCCEEDED: Outcome.SUCCEEDED, Status.FAILED: Outcome.FAILED}.get(status, Outcome.CANCELLED)
    words = {"reason": USER_FAULT} if status is Status.FAILED else {}
    assert end(database, lease, outcome, **words) is status
    return lease.job_id


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_on_every_status(database: Database, operation: str, status: Status) -> None:
    job_id = _ended(database, status) if status.is_terminal else _brought_to(database, status)
    assert job(database, job_id).status is status
    expected = EXPECTED[operation].get(status)
    if expected is None:
        with pytest.raises(Conflict) as refused:
            _ask(database, operation, job_id)
        assert refused.value.members["job_status"] == status
        assert job(database, job_id).status is status
    else:
        assert _ask(database, operation, job_id) == expected
        assert job(database, job_id).status is expected[0]
        assert expected[0] is status or expected[0] in TRANSITIONS[status]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_job_of_another_project_cannot_be_steered(database: Database, operation: str) -> None:
    foreign = submit(database, project="other")
    with pytest.raises(NotFound):
        _ask(database, operation, foreign.id)


def test_a_job_cancelled_before_it_started_never_runs(database: Database) -> None:
    _ask(database, "cancel", submit(database).id)
    assert claim(database) is None


def test_a_paused_job_is_not_claimed_until_it_is_resumed(database: Database) -> None:
    job_id = submit(database).id
    _ask(database, "pause", job_id)
    assert claim(database) is None
    _ask(database, "resume", job_id)
    assert claim(database) is not None


def test_stopping_twice_changes_nothing(database: Database) -> None:
    job_id = running(database).job_id
    assert _ask(database, "stop", job_id).changed
    assert not _ask(database, "stop", job_id).changed


def test_a_retry_counts_attempts_on_and_budgets_anew(database: Database) -> None:
    lease = running(database)
    end(database, lease, Outcome.FAILED, reason=USER_FAULT)
    _ask(database, "retry", lease.job_id)
    again = claim(database)
    assert again is not None
    assert again.lease.attempt == 2
    seen = job(database, lease.job_id)
    assert (seen.reason, seen.finished_at, len(seen.attempts)) == (None, None, 2)
