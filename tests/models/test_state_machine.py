"""A machine that makes up lives of a job and compares each step with a model of a few lines.

Hypothesis picks operations of clients, of the holder, of superseded holders and of the reaper in any order. The model
knows only the transition rules; whatever the database says must agree with it, and refusals must change nothing.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, select

from models import controls, endings, events
from models.database import Database
from models.errors import Conflict, Superseded
from models.leases import Lease
from models.migrations import migrate
from models.status import HELD, TERMINAL, TRANSITIONS, Outcome, Status
from models.tables import job_leases
from tests.models.steps import INFRASTRUCTURE_FAULT, USER_FAULT, claim, end, held, job, submit

CLIENT_MOVES: dict[str, dict[Status, Status]] = {
    "cancel": {
        Status.QUEUED: Status.CANCELLED,
        Status.PAUSED: Status.CANCELLED,
        Status.RUNNING: Status.CANCELLING,
        Status.PAUSING: Status.CANCELLING,
        Status.CANCELLING: Status.CANCELLING,
        Status.CANCELLED: Status.CANCELLED,
    },
    "pause": {
        Status.QUEUED: Status.PAUSED,
        Status.RUNNING: Status.PAUSING,
        Status.PAUSING: Status.PAUSING,
        Status.PAUSED: Status.PAUSED,
    },
    "resume": {
        Status.PAUSED: Status.QUEUED,
        Status.PAUSING: Status.RUNNING,
        Status.QUEUED: Status.QUEUED,
        Status.RUNNING: Status.RUNNING,
    },
    "stop": {Status.RUNNING: Status.RUNNING, Status.SUCCEEDED: Status.SUCCEEDED},
    "retry": {
        Status.FAILED: Status.QUEUED,
        Status.CANCELLED: Status.QUEUED,
        Status.QUEUED: Status.QUEUED,
        Status.RUNNING: Status.RUNNING,
    },
}

HOLDER_MOVES: dict[Outcome, dict[Status, Status]] = {
    Outcome.SUCCEEDED: dict.fromkeys(HELD, Status.SUCCEEDED),
    Outcome.DRAINED: {
        Status.RUNNING: Status.QUEUED,
        Status.PAUSING: Status.PAUSED,
        Status.CANCELLING: Status.CANCELLED,
    },
    Outcome.PAUSED: {
        Status.RUNNING: Status.QUEUED,
        Status.PAUSING: Status.PAUSED,
        Status.CANCELLING: Status.CANCELLED,
    },
}


class JobLife(RuleBasedStateMachine):
    """One job on one database, and what the model believes about it."""

    database: Database
    num_claims: int

    @initialize()
    def submit_a_job(self) -> None:
        self.job_id = submit(self.database, retries={"user": 0, "infrastructure": 1000}).id
        self.status = Status.QUEUED
        self.lease: Lease | None = None
        self.dead: list[Lease] = []
        self.num_attempts = 0

    def teardown(self) -> None:
        with self.database.unit_of_work() as connection:
            connection.exec_driver_sql("delete from jobs")

    @rule(operation=st.sampled_from(sorted(CLIENT_MOVES)))
    def ask(self, operation: str) -> None:
        expected = CLIENT_MOVES[operation].get(self.status)
        try:
            with self.database.unit_of_work() as connection:
                answer = getattr(controls, operation)(connection, project="default", job_id=self.job_id)
        except Conflict:
            assert expected is None
        else:
            assert answer.status is expected
            self._move(answer.status)

    @rule()
    def claim_it(self) -> None:
        claimed = claim(self.database)
        if self.status is Status.QUEUED:
            assert claimed is not None
            self.num_attempts += 1
            type(self).num_claims += 1
            assert claimed.lease.attempt == self.num_attempts
            self.lease = claimed.lease
            self._move(Status.RUNNING)
        else:
            assert claimed is None

    @precondition(lambda self: self.lease is not None)
    @rule(outcome=st.sampled_from(sorted(HOLDER_MOVES)))
    def the_holder_ends(self, outcome: Outcome) -> None:
        expected = HOLDER_MOVES[outcome][self.status]
        assert end(self.database, self._taken_lease(), outcome, result={}, digest="d") is expected
        self._move(expected)

    @precondition(lambda self: self.lease is not None)
    @rule()
    def the_holder_fails(self) -> None:
        expected = Status.CANCELLED if self.status is Status.CANCELLING else Status.FAILED
        assert end(self.database, self._taken_lease(), Outcome.FAILED, reason=USER_FAULT) is expected
        self._move(expected)

    @precondition(lambda self: self.lease is not None)
    @rule()
    def the_worker_is_found_dead(self) -> None:
        with self.database.unit_of_work() as connection:
            ((job_id, status),) = endings.recover(connection, worker_ids=["wrk_worker-1"])
        assert job_id == self.job_id
        self._taken_lease()
        stalled = job(self.database, job_id).reason or {}
        expected = {Status.CANCELLING: Status.CANCELLED, Status.PAUSING: Status.PAUSED}.get(self.status, Status.QUEUED)
        assert status in {expected, Status.FAILED}
        assert status is not Status.FAILED or self.status is not Status.CANCELLING
        assert status is not Status.FAILED or stalled["code"] == "no_progress"
        self._move(status)

    @precondition(lambda self: bool(self.dead))
    @rule(data=st.data(), outcome=st.sampled_from([Outcome.SUCCEEDED, Outcome.FAILED, Outcome.PAUSED]))
    def a_superseded_holder_comes_back(self, data: st.DataObject, outcome: Outcome) -> None:
        lease = data.draw(st.sampled_from(self.dead))
        before = job(self.database, self.job_id).document()
        with pytest.raises(Superseded), held(self.database, lease):
            pytest.fail("a superseded attempt got a transaction")
        words = {"reason": INFRASTRUCTURE_FAULT} if outcome is Outcome.FAILED else {"result": {}, "digest": "x"}
        with _superseded_or_recognised():
            end(self.database, lease, outcome, **words)
        assert job(self.database, self.job_id).document() == before

    @invariant()
    def the_database_agrees(self) -> None:
        seen = job(self.database, self.job_id)
        assert seen.status is self.status
        assert (seen.finished_at is not None) == (self.status in TERMINAL)
        assert len([attempt for attempt in seen.attempts if attempt.ended_at is None]) == (self.lease is not None)

    @invariant()
    def there_is_a_lease_exactly_while_somebody_holds_the_job(self) -> None:
        with self.database.reading() as connection:
            num_leases = connection.execute(select(func.count()).select_from(job_leases)).scalar_one()
        assert num_leases == (self.status in HELD) == (self.lease is not None)

    @invariant()
    def events_are_numbered_without_a_gap(self) -> None:
        with self.database.reading() as connection:
            log = events.listing(connection, job_id=self.job_id)
        assert [event.seq for event in log] == list(range(1, len(log) + 1))

    def _taken_lease(self) -> Lease:
        lease, self.lease = self.lease, None
        assert lease is not None
        self.dead.append(lease)
        return lease

    def _move(self, status: Status) -> None:
        assert status is self.status or status in TRANSITIONS[self.status]
        self.status = status


@contextmanager
def _superseded_or_recognised() -> Iterator[None]:
    """An ending told again is refused or recognised as the one that was; the caller checks that nothing moved."""
    try:
        yield
    except Superseded:
        return


def _num_claims(url: str, *, max_examples: int) -> int:
    """Play lives of jobs; answers how many attempts there were in all."""
    database = Database(url)
    migrate(database)
    machine = type("JobLifeOnADatabase", (JobLife,), {"database": database, "num_claims": 0})
    try:
        machine.TestCase.settings = settings(max_examples=max_examples, stateful_step_count=25, deadline=None)
        machine.TestCase("runTest").runTest()
        return machine.num_claims
    finally:
        database.close()


def test_lives_of_a_job_on_sqlite_agree_with_the_model() -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert _num_claims(f"sqlite:///{Path(folder) / 'life.db'}", max_examples=15) > 0


def test_lives_of_a_job_on_postgresql_agree_with_the_model(postgresql_url: str) -> None:
    assert _num_claims(postgresql_url, max_examples=15) > 0


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_many_lives_of_a_job_agree_with_the_model(database_url: str) -> None:
    assert _num_claims(database_url, max_examples=500) > 250
