"""The protocol in a world of its own: virtual time, seeded faults, and every promise checked behind every step.

The operations are the real ones, on a real SQLite database whose clock the world moves. Its inhabitants are clients,
workers that claim, write, end, crash, freeze and wake up as zombies, and two reapers; what happens next is drawn from
the seed alone, so a seed that finds something finds it again. Transactions fail before they begin, in their midst and
behind their COMMIT; doorbells are lost and doubled; the database's clock jumps by a day.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from models import controls, endings, jobs, leases
from models.artifacts import LocalStore
from models.endings import Ending
from models.errors import Conflict, Superseded, Unavailable
from models.leases import Lease
from models.reaper import Reaper
from models.status import Outcome
from tests.models.steps import RESOLVED, USER_FAULT
from tests.reliability.faulty_database import DAY_SECONDS, FaultyDatabase
from tests.reliability.promises import Promises, Violation
from worker.batch import Batch
from worker.ledger import Ledger
from worker.messages import Frame

LEASE_SECONDS = 40.0
NUM_WORKERS = 3
NUM_JOBS = 3
_STEPS_TO_SETTLE = 60
CONTROLS = (controls.cancel, controls.pause, controls.resume, controls.stop, controls.retry)


@dataclass
class Attempt:
    """A lease in somebody's hands, and what is still to be written under it."""

    lease: Lease
    ledger: Ledger
    unanswered: Batch | None = None
    ending: tuple[Batch, Ending] | None = None


@dataclass
class Worker:
    """One slot: what it holds, and a claim that was not answered."""

    name: str
    life: int = 1
    attempt: Attempt | None = None
    doubt: str | None = None
    zombies: list[Attempt] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The id of this life."""
        return f"wrk_{self.name}-{self.life}"


class World:
    """Everything that lives in one seed."""

    def __init__(self, database: FaultyDatabase, folder: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        random.seed(seed)  # the jitter of retries
        self.now = self.awake = 0.0
        self.database = database
        self.store = LocalStore(folder)
        self.workers = [Worker(f"w{number}") for number in range(NUM_WORKERS)]
        self.reapers = [Reaper(database, lease_seconds=LEASE_SECONDS, monotonic=lambda: self.now) for _ in range(2)]
        self.promises = Promises(database)
        self.num_submitted = self.num_marks = 0

    def run(self, num_steps: int) -> None:
        """Live through so many steps, then let everything settle. Raises Violation."""
        actions: list[tuple[Callable[[], None], int]] = [
            (self.submit, 3),
            (self.control, 4),
            (self.look, 8),
            (self.write, 10),
            (self.end, 4),
            (self.crash, 2),
            (self.freeze, 2),
            (self.wake_a_zombie, 3),
            (self.reap, 8),
            (self.sleep, 1),
            (self.step_clock, 1),
        ]
        choices, weights = zip(*actions, strict=True)
        for _ in range(num_steps):
            self.pass_time(self.dice.choice([0.01, 1.0, 5.0, 15.0]))
            self.draw_fault()
            self.attempt_to(self.dice.choices(choices, weights)[0])
        self.settle()

    def settle(self) -> None:
        """Without further faults every job comes to rest."""
        self.database.fails, self.database.loses_answer = None, False
        for _ in range(_STEPS_TO_SETTLE):
            if self.promises.are_all_at_rest():
                self.promises.check_logs()
                return
            self.pass_time(15.0)
            for worker in self.workers:
                if worker.attempt is None:
                    self.attempt_to(lambda worker=worker: self.claim(worker))
                else:
                    self.attempt_to(lambda worker=worker: self.finish(worker, Outcome.SUCCEEDED))
            for reaper in self.reapers:
                self.attempt_to(lambda reaper=reaper: self.sweep(reaper))
        raise Violation(f"jobs that never come to rest: {self.promises.statuses()}")

    def attempt_to(self, action: Callable[[], None]) -> None:
        """Do something that may be refused or fail, then check every promise."""
        try:
            action()
        except (Unavailable, Conflict):
            self.promises.num_refusals += 1
        self.database.fails, self.database.loses_answer = None, False
        self.promises.check(awake=self.awake)

    def pass_time(self, seconds: float) -> None:
        """Time goes by, on every clock."""
        self.now += seconds
        self.awake += seconds
        self.database.clock_seconds += seconds

    def draw_fault(self) -> None:
        """Perhaps the next transaction fails."""
        if self.dice.random() < 0.15:
            self.database.fails = self.dice.randrange(8)
        elif self.dice.random() < 0.15:
            self.database.loses_answer = True

    def submit(self) -> None:
        """A client submits a job."""
        if self.num_submitted < NUM_JOBS:
            self.num_submitted += 1
            resolved = {**RESOLVED, "retries": {"user": 1, "infrastructure": 1000}}
            with self.database.unit_of_work() as connection:
                jobs.submit(connection, project="default", sent={"data": {}}, resolved=resolved)

    def control(self) -> None:
        """A client asks something of a job."""
        if job_ids := self.promises.job_ids():
            operation = self.dice.choice(CONTROLS)
            with self.database.unit_of_work() as connection:
                operation(connection, project="default", job_id=self.dice.choice(job_ids))

    def look(self) -> None:
        """A worker hears a doorbell, rightly or not, or looks by itself."""
        idle = [worker for worker in self.workers if worker.attempt is None]
        if idle:
            self.claim(self.dice.choice(idle))

    def claim(self, worker: Worker) -> None:
        """As `worker.slots` claims: a claim that was not answered is asked for before another is made."""
        with self.database.unit_of_work() as connection:
            claimed = leases.claimed(connection, token=worker.doubt) if worker.doubt is not None else None
            if claimed is None:
                worker.doubt = leases.new_token()
                claimed = leases.claim(
                    connection,
                    pool="default",
                    worker_id=worker.id,
                    worker=worker.name,
                    device="cpu",
                    lease_seconds=LEASE_SECONDS,
                    token=worker.doubt,
                )
        worker.doubt = None
        if claimed is not None:
            ledger = Ledger(self.database, self.store, claimed.lease, lease_seconds=LEASE_SECONDS)
            worker.attempt = Attempt(claimed.lease, ledger)

    def write(self) -> None:
        """A holder writes a batch."""
        if holders := self.holders():
            worker = self.dice.choice(holders)
            if self.push(worker.attempt):
                worker.attempt = None

    def push(self, attempt: Attempt) -> bool:
        """As `worker.relay` writes: what was not answered is repeated first. Whether the attempt is superseded."""
        batch = attempt.unanswered or self.batch()
        attempt.unanswered = batch
        try:
            attempt.ledger.write(batch)
        except Superseded:
            return True
        attempt.unanswered = None
        self.promises.wrote(attempt.lease, bytes(batch.log))
        return False

    def batch(self) -> Batch:
        """Something to write, with a mark that there is no second of."""
        batch = Batch()
        self.num_marks += 1
        batch.add_log(f"<{self.num_marks}>".encode())
        if self.dice.random() < 0.3:
            batch.add(Frame("phase", {"phase": f"phase-{self.num_marks}"}))
        return batch

    def end(self) -> None:
        """A holder ends its attempt, one way or another."""
        if holders := self.holders():
            self.finish(self.dice.choice(holders), self.dice.choice(list(Outcome)[:-1]))

    def finish(self, worker: Worker, outcome: Outcome) -> None:
        """As `worker.relay` ends: the same ending again and again until it is answered."""
        attempt = worker.attempt
        if attempt is None:
            return
        if attempt.unanswered is not None and self.push(attempt):
            worker.attempt = None
            return
        if attempt.ending is None:
            reason = USER_FAULT if outcome is Outcome.FAILED else None
            attempt.ending = (
                self.batch(),
                Ending(outcome=outcome, reason=reason, result={}, digest=attempt.lease.token),
            )
        try:
            attempt.ledger.end(*attempt.ending)
        except Superseded:
            worker.attempt = None
            return
        self.promises.ended(attempt.lease, bytes(attempt.ending[0].log))
        worker.attempt = None

    def crash(self) -> None:
        """A worker dies with all it knows; its next life recovers what the last one held, if it can say so."""
        worker = self.dice.choice(self.workers)
        dead, worker.attempt, worker.doubt, worker.zombies = worker.id, None, None, []
        worker.life += 1
        if self.dice.random() < 0.5:
            with self.database.unit_of_work() as connection:
                endings.recover(connection, worker_ids=[dead])

    def freeze(self) -> None:
        """A holder stands still; its slot is given another supervisor, and one day it wakes up."""
        if holders := self.holders():
            worker = self.dice.choice(holders)
            worker.zombies.append(worker.attempt)
            worker.attempt = None

    def wake_a_zombie(self) -> None:
        """One that stood still goes on as if nothing had happened."""
        zombies = [(worker, attempt) for worker in self.workers for attempt in worker.zombies]
        if zombies:
            worker, attempt = self.dice.choice(zombies)
            if self.push(attempt):
                worker.zombies.remove(attempt)

    def reap(self) -> None:
        """A reaper looks."""
        self.sweep(self.dice.choice(self.reapers))

    def sweep(self, reaper: Reaper) -> None:
        """This reaper looks."""
        for job_id, _ in reaper.sweep():
            self.promises.reaped(job_id, awake=self.awake, at_least=LEASE_SECONDS)

    def sleep(self) -> None:
        """The whole machine sleeps: time goes by, and nobody is awake."""
        seconds = self.dice.uniform(LEASE_SECONDS / 2, 10 * LEASE_SECONDS)
        self.now += seconds
        self.database.clock_seconds += seconds

    def step_clock(self) -> None:
        """The database's clock jumps; nobody's own does."""
        self.database.clock_seconds += self.dice.choice([-DAY_SECONDS, DAY_SECONDS])

    def holders(self) -> list[Worker]:
        """Workers that hold an attempt."""
        return [worker for worker in self.workers if worker.attempt is not None]
