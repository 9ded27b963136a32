"""The reaper takes jobs from the dead, and from nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from models import leases
from models.database import Connection, Database
from models.errors import Unavailable
from models.reaper import Reaper
from models.status import Status
from tests.models.steps import claim, job, submit


class Clock:
    """A monotonic clock that a test moves by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def _reaper(database: Database, clock: Clock) -> Reaper:
    return Reaper(database, lease_seconds=60.0, monotonic=clock)


def _silent_job(database: Database) -> leases.Lease:
    submit(database)
    claimed = claim(database, lease_seconds=-1.0)  # by the database's clock this lease has already run out
    assert claimed is not None
    return claimed.lease


def _watch(reaper: Reaper, clock: Clock, *, for_seconds: float) -> list[tuple[str, Status]]:
    reaped = []
    for _ in range(int(for_seconds // 10)):
        reaped += reaper.sweep()
        clock.seconds += 10.0
    return reaped


def test_a_silent_attempt_is_reaped_after_a_whole_lease_and_its_job_is_queued_again(database: Database) -> None:
    clock = Clock()
    reaper = _reaper(database, clock)
    lease = _silent_job(database)
    assert _watch(reaper, clock, for_seconds=60) == []
    assert _watch(reaper, clock, for_seconds=10) == [(lease.job_id, Status.QUEUED)]
    assert job(database, lease.job_id).reason["code"] == "worker_lost"
    assert _watch(reaper, clock, for_seconds=100) == []


def test_an_attempt_whose_counter_moves_is_left_alone(database: Database) -> None:
    clock = Clock()
    reaper = _reaper(database, clock)
    lease = _silent_job(database)
    for _ in range(20):
        assert _watch(reaper, clock, for_seconds=50) == []
        with database.unit_of_work() as connection:
            leases.beat(connection, lease, lease_seconds=-1.0)


def test_a_lease_that_has_not_run_out_by_the_database_s_clock_is_left_alone(database: Database) -> None:
    clock = Clock()
    reaper = _reaper(database, clock)
    submit(database)
    assert claim(database, lease_seconds=59.0) is not None
    assert _watch(reaper, clock, for_seconds=600) == []


def test_a_database_s_clock_that_was_set_back_keeps_no_dead_attempt_alive(database: Database) -> None:
    clock = Clock()
    reaper = _reaper(database, clock)
    submit(database)
    assert claim(database, lease_seconds=24 * 3600.0) is not None  # as a lease looks that was granted before
    assert _watch(reaper, clock, for_seconds=60) == []
    assert len(_watch(reaper, clock, for_seconds=10)) == 1


def test_a_reaper_that_slept_starts_to_watch_anew(database: Database) -> None:
    clock = Clock()
    reaper = _reaper(database, clock)
    _silent_job(database)
    _watch(reaper, clock, for_seconds=50)
    clock.seconds += 24 * 3600.0
    assert _watch(reaper, clock, for_seconds=60) == []
    assert len(_watch(reaper, clock, for_seconds=10)) == 1


def test_a_reaper_that_slept_amid_a_look_starts_to_watch_anew(database: Database, monkeypatch) -> None:
    clock = Clock()
    reaper = _reaper(database, clock)
    _silent_job(database)
    _watch(reaper, clock, for_seconds=50)
    _answer_late(database, clock, monkeypatch, seconds=24 * 3600.0)
    assert reaper.sweep() == []
    monkeypatch.undo()
    assert _watch(reaper, clock, for_seconds=60) == []
    assert len(_watch(reaper, clock, for_seconds=20)) == 1


def test_the_time_that_an_answer_took_is_no_silence(database: Database, monkeypatch) -> None:
    clock = Clock()
    reaper = _reaper(database, clock)
    _silent_job(database)
    _answer_late(database, clock, monkeypatch, seconds=8.0)
    assert reaper.sweep() == []
    monkeypatch.undo()
    clock.seconds += 2.0
    assert _watch(reaper, clock, for_seconds=60) == []
    assert len(_watch(reaper, clock, for_seconds=10)) == 1


def _answer_late(database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    reading = database.reading

    @contextmanager
    def late() -> Iterator[Connection]:
        with reading() as connection:
            clock.seconds += seconds
            yield connection

    monkeypatch.setattr(database, "reading", late)


def test_a_laptop_that_slept_for_almost_a_lease_reaps_nobody_when_it_wakes(database: Database) -> None:
    clock = Clock()
    reaper = _reaper(database, clock)
    lease = _silent_job(database)
    for _ in range(5):
        _watch(reaper, clock, for_seconds=10)
        clock.seconds += 55.0  # reaper and holder sleep; the reaper is the first to wake
        assert reaper.sweep() == []
        with database.unit_of_work() as connection:
            leases.beat(connection, lease, lease_seconds=-1.0)


def test_a_reaper_that_looks_rarely_reaps_all_the_same(database: Database) -> None:
    clock = Clock()
    reaper = Reaper(database, lease_seconds=60.0, every_seconds=50.0, monotonic=clock)
    _silent_job(database)
    reaped = []
    for _ in range(4):
        reaped += reaper.sweep()
        clock.seconds += 50.0
    assert len(reaped) == 1


def test_an_outage_of_the_database_starts_all_windows_anew(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    reaper = _reaper(database, clock)
    _silent_job(database)
    _watch(reaper, clock, for_seconds=60)
    with monkeypatch.context() as patch:
        patch.setattr(Database, "reading", _refuse)
        with pytest.raises(Unavailable):
            reaper.sweep()
    assert _watch(reaper, clock, for_seconds=60) == []
    assert len(_watch(reaper, clock, for_seconds=10)) == 1


def test_two_reapers_take_a_job_once(database: Database) -> None:
    clock = Clock()
    first, second = _reaper(database, clock), _reaper(database, clock)
    _silent_job(database)
    _watch(first, clock, for_seconds=0)
    reaped = []
    for _ in range(8):
        reaped += first.sweep() + second.sweep()
        clock.seconds += 10.0
    assert len(reaped) == 1


def _refuse(_: Database) -> None:
    raise Unavailable("The database does not answer.")
