"""Every order against an attempt that is finishing: whoever commits first wins, and both are told the truth."""

import threading
from typing import Any

import pytest

from models import controls
from models.database import Database
from models.errors import Conflict
from models.status import TERMINAL, Outcome, Status
from tests.models.steps import end, job, running, statuses

NUM_RACES = 8


def race(database: Database, operation: str, outcome: Outcome) -> tuple[str, bool, Status]:
    """Let an order and an ending begin at the same moment; the job, whether the order changed it, and its status."""
    lease, start, answers = running(database), threading.Barrier(2), dict[str, Any]()

    def ask() -> None:
        start.wait()
        try:
            with database.unit_of_work() as connection:
                answers["asked"] = getattr(controls, operation)(connection, project="default", job_id=lease.job_id)
        except Conflict as refused:
            answers["refused"] = refused

    def finish() -> None:
        start.wait()
        answers["ended"] = end(database, lease, outcome, result={}, digest="d")

    threads = [threading.Thread(target=ask), threading.Thread(target=finish)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "ended" in answers, "an ending is never refused"
    return lease.job_id, "asked" in answers and answers["asked"].changed, job(database, lease.job_id).status


@pytest.mark.parametrize("operation", ["cancel", "pause", "stop"])
def test_a_success_that_is_committed_stands(database: Database, operation: str) -> None:
    for _ in range(NUM_RACES):
        job_id, _, status = race(database, operation, Outcome.SUCCEEDED)
        assert status is Status.SUCCEEDED
        told = [Status(word) for word in statuses(database, job_id)]
        assert [status for status in told if status in TERMINAL] == [Status.SUCCEEDED]


@pytest.mark.parametrize("outcome", [Outcome.DRAINED, Outcome.PAUSED])
def test_a_cancellation_that_comes_first_is_not_outrun_by_a_drain(database: Database, outcome: Outcome) -> None:
    for _ in range(NUM_RACES):
        _, changed, status = race(database, "cancel", outcome)
        assert changed, "a job that is queued again can be cancelled as well"
        assert status is Status.CANCELLED
