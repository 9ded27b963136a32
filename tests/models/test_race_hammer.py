"""The race hammer: claimers, zombies, cancellers and a reaper at once, on a real database.

Whatever the order in which they meet: every job ends exactly once, no superseded attempt writes anything, no lease is
left behind. The last test takes the guard away and asserts that the hammer notices, so that the others mean
something.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from models import controls, endings, events, leases, metrics
from models.database import Database
from models.errors import Conflict, Superseded
from models.leases import Lease
from models.metric_blobs import points
from models.reaper import Reaper
from models.status import Outcome, Status
from models.tables import attempts, job_leases, jobs
from tests.models.steps import claim, submit

NUM_JOBS = 16
NUM_WORKERS = 4
DEADLINE_SECONDS = 60.0
UNLIMITED = {"user": 1000, "infrastructure": 1000}


class Hammer:
    """Shared by all threads of one run: the jobs, what zombies managed to write, and when to stop."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.seed = seed
        self.job_ids = [submit(database, retries=UNLIMITED).id for _ in range(NUM_JOBS)]
        self.stale_writes: list[Lease] = []
        self.done = threading.Event()

    def run(self) -> None:
        tasks: list[Callable[[], None]] = [lambda number=number: self._work(number) for number in range(NUM_WORKERS)]
        with ThreadPoolExecutor(NUM_WORKERS + 2) as threads:
            running = [threads.submit(self._until_done, task) for task in [*tasks, self._reap, self._cancel]]
            self.done.wait(DEADLINE_SECONDS)
            self.done.set()
        for future in running:
            future.result()

    def _until_done(self, task: Callable[[], None]) -> None:
        """Run one thread's task; whatever ends it early ends the whole run."""
        try:
            task()
        except BaseException:
            self.done.set()
            raise

    def _work(self, number: int) -> None:
        rng = random.Random(self.seed * 100 + number)
        while not self.done.is_set():
            claimed = claim(self.database, worker=f"w{number}", lease_seconds=-1.0)
            if claimed is None:
                self._notice_the_end()
                continue
            self._attempt(claimed.lease, rng)

    def _attempt(self, lease: Lease, rng: random.Random) -> None:
        fate = rng.random()
        try:
            self._write(lease, step=1)
            if fate < 0.15:
                return  # the worker dies
            if fate < 0.45:
                self._become_a_zombie(lease, rng)
            outcome = rng.choice([Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.DRAINED])
            with self.database.unit_of_work() as connection:
                endings.end(connection, lease, endings.Ending(outcome=outcome, result={}, digest=lease.token))
        except Superseded:
            return

    def _become_a_zombie(self, lease: Lease, rng: random.Random) -> None:
        """Fall silent until somebody else takes the job, then go on as if nothing had happened."""
        for _ in range(500):
            if self.done.is_set():
                return
            with self.database.reading() as connection:
                holder = connection.execute(
                    select(job_leases.c.lease_token).where(job_leases.c.job_id == lease.job_id)
                ).scalar_one_or_none()
            if holder != lease.token:
                break
        try:
            self._write(lease, step=rng.randrange(1000, 2000))
        except Superseded:
            return
        if holder != lease.token:
            self.stale_writes.append(lease)

    def _write(self, lease: Lease, *, step: int) -> None:
        with leases.holding(self.database, lease, lease_seconds=-1.0) as connection:
            series = {f"attempt/{lease.attempt}": points([step], [1.0], [1.0])}
            metrics.append(connection, job_id=lease.job_id, series=series)

    def _reap(self) -> None:
        reaper = Reaper(self.database, lease_seconds=0.1)
        while not self.done.wait(0.005):
            reaper.sweep()

    def _cancel(self) -> None:
        rng = random.Random(self.seed)
        for job_id in rng.sample(self.job_ids, NUM_JOBS // 4):
            self.done.wait(rng.random() * 0.05)
            try:
                with self.database.unit_of_work() as connection:
                    controls.cancel(connection, project="default", job_id=job_id)
            except Conflict:
                continue  # it had already succeeded

    def _notice_the_end(self) -> None:
        with self.database.reading() as connection:
            live = select(func.count()).select_from(jobs).where(jobs.c.finished_at.is_(None))
            if connection.execute(live).scalar_one() == 0:
                self.done.set()


def _violations(hammer: Hammer) -> list[str]:
    found = [f"stale write by attempt {lease.attempt} of {lease.job_id}" for lease in hammer.stale_writes]
    with hammer.database.reading() as connection:
        for job_id in hammer.job_ids:
            types = [event.type for event in events.listing(connection, job_id=job_id)]
            ends = [kind for kind in types if Status(kind.removeprefix("job.")).is_terminal]
            if len(ends) != 1 or types[-1] not in ends:
                found.append(f"{job_id} ended {Counter(ends)}, its log ends with {types[-1]}")
        num_leases = connection.execute(select(func.count()).select_from(job_leases)).scalar_one()
        num_open = connection.execute(
            select(func.count()).select_from(attempts).where(attempts.c.ended_at.is_(None))
        ).scalar_one()
    if num_leases or num_open:
        found.append(f"{num_leases} leases and {num_open} open attempts are left")
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_every_job_ends_once_and_no_superseded_attempt_writes(database: Database, seed: int) -> None:
    hammer = Hammer(database, seed)
    hammer.run()
    assert _violations(hammer) == []


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(10, 40))
def test_the_same_over_many_seeds(database: Database, seed: int) -> None:
    hammer = Hammer(database, seed)
    hammer.run()
    assert _violations(hammer) == []


def test_without_the_guard_the_hammer_fails(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def unguarded(*_: object, **__: object) -> leases.Orders:
        return leases.Orders(cancel=False, pause=False, stop=False, beat=1)

    monkeypatch.setattr(leases, "beat", unguarded)
    hammers = [Hammer(database, seed) for seed in (1, 2, 3)]
    for hammer in hammers:
        with suppress(DBAPIError):  # unguarded writers also collide in the database itself
            hammer.run()
    assert any(hammer.stale_writes for hammer in hammers)
