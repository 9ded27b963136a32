"""The slots of a worker: at most so many jobs at once, each claimed by SQL, none waiting while a slot is free.

A doorbell only says "look": it carries no job, may be lost, doubled or forged. Whoever hears one (a Celery task, the
sweep) calls `work`, which takes a free slot and claims until nothing is left to claim. A bell that finds every slot
busy is remembered, and the next slot that becomes free looks once more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from models import endings, leases, logbook, tracing
from models.artifacts import ArtifactStore
from models.checkpoints import Checkpoint
from models.database import Connection, Database
from models.endings import Ending
from models.errors import InvalidData, Unavailable
from models.leases import Claim
from models.settings import Settings
from models.spans import SILENT, Tracer
from models.status import Fault, Outcome
from worker.assignment import keep_last, locate, locate_beginning, start_frame
from worker.ledger import Ledger
from worker.limits import limits_of
from worker.luggage import luggage_of
from worker.node import Device, Identity, num_cores
from worker.processes import TrainerProcess
from worker.quarantine import Quarantine
from worker.spans import AttemptSpans
from worker.spares import NoTemplate, Spares
from worker.supervisor import Supervisor
from worker.tracking.trackers import Trackers

log = logging.getLogger(__name__)

#: Of the time that a stopping worker has, this share is the trainers'; the rest is for the database.
_TRAINERS_SHARE: Final = 0.8
_LAST_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Job:
    """A claimed job, and where its data is."""

    claim: Claim
    source: Mapping[str, Any]
    begin: Checkpoint | None


class Slots:
    """Claims jobs and supervises their attempts, at most one per slot."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        store: ArtifactStore,
        identity: Identity,
        devices: Sequence[Device],
        spares: Spares,
        trackers: Trackers,
        tracer: Tracer = SILENT,
    ) -> None:
        """Slot `i` trains on device `i`, counted round."""
        self._settings = settings
        self._database = database
        self._store = store
        self._identity = identity
        self._devices = devices
        self._spares = spares
        self._trackers = trackers
        self._tracer = tracer
        self._free = list(range(settings.slots))
        self._running: dict[str, Supervisor] = {}
        self._in_doubt: dict[int, str] = {}  # tokens of claims that were not answered, by slot
        self._has_rung = False
        self._is_draining = False
        self._has_drained = False
        self._give_up = threading.Event()
        self._changed = threading.Condition()
        self._num_threads = max(1, num_cores() // settings.slots)
        self._quarantine = Quarantine(settings, spares=spares, on_return=self.work)

    @property
    def num_free(self) -> int:
        """Slots that train nothing and may."""
        with self._changed:
            return len(self._fit())

    def quarantined(self) -> list[dict[str, Any]]:
        """The slots whose device has failed too often, as the API shows them."""
        return self._quarantine.document()

    def idle_device(self) -> tuple[Device, bool]:
        """The device of a free slot, or of a busy one, and whether it is free: to try something on, not to train."""
        with self._changed:
            slot = self._free[0] if self._free else 0
            return self._devices[slot % len(self._devices)], bool(self._free)

    def work(self) -> None:
        """Answer a doorbell: take a free slot and train until nothing is claimable. Returns at once if none is free."""
        slot = self._enter()
        while slot is not None:
            try:
                while self._train_next(slot):
                    continue
            except Unavailable:
                log.warning("the database does not answer; the next sweep looks again")
            except BaseException:
                self._leave(slot, even_if_rung=True)
                raise
            if self._leave(slot):
                return

    def nudge(self, job_id: str) -> None:
        """Have a job's orders looked at now, if it trains here."""
        with self._changed:
            supervisor = self._running.get(job_id)
        if supervisor is not None:
            supervisor.nudge()

    def close_the_door(self) -> None:
        """Claim nothing more; what trains goes on."""
        with self._changed:
            self._is_draining = True

    def drain(self) -> None:
        """Claim nothing more; running jobs save a checkpoint and go back to the queue.

        What takes longer than `drain_seconds` is killed, and a database that is away is then waited for no longer.
        """
        self._quarantine.close()
        with self._changed:
            is_first = not self._has_drained
            self._has_drained = self._is_draining = True
            running = list(self._running.values())
        if is_first:
            timer = threading.Timer(self._settings.drain_seconds, self._give_up.set)
            timer.daemon = True
            timer.start()
        for supervisor in running:
            self._drain_one(supervisor)

    def wait_until_idle(self) -> bool:
        """Wait for every slot to become free after a drain; False where one does not in time."""
        with self._changed:
            return self._changed.wait_for(self._is_idle, self._settings.drain_seconds + _LAST_SECONDS)

    def _is_idle(self) -> bool:
        return len(self._free) == self._settings.slots

    def _enter(self) -> int | None:
        with self._changed:
            self._has_rung = True
            if self._is_draining or not (fit := self._fit()):
                return None
            self._has_rung = False
            self._free.remove(fit[0])
            return fit[0]

    def _fit(self) -> list[int]:
        """The free slots whose device is not put aside; the caller holds the lock."""
        return [slot for slot in self._free if not self._quarantine.holds(slot)]

    def _leave(self, slot: int, *, even_if_rung: bool = False) -> bool:
        """Free the slot, unless a bell has rung since the last look; whether it was freed."""
        with self._changed:
            if self._has_rung and not (self._is_draining or even_if_rung or self._quarantine.holds(slot)):
                self._has_rung = False
                return False
            self._free.append(slot)
            self._free.sort()
            self._changed.notify_all()
            return True

    def _train_next(self, slot: int) -> bool:
        """Claim a job and supervise it to its end; False where there was nothing to do, or the device is put aside."""
        if self._quarantine.holds(slot):
            return False
        try:
            trainer = self._spares.take(slot)
        except NoTemplate:
            return False  # a job that could not be started is left to a worker that can
        job, began_at = None, time.time()
        try:
            job = self._claim(slot)
        finally:
            if job is None:
                self._spares.give_back(slot, trainer)
        if job is None:
            return False
        lease, trace = job.claim.lease, tracing.parse(job.claim.traceparent)
        with logbook.about(
            job_id=lease.job_id, attempt=lease.attempt, trace_id=None if trace is None else trace.trace_id
        ):
            self._supervise(slot, job, trainer, began_at=began_at)
        return True

    def _claim(self, slot: int) -> _Job | None:
        """The next claimable job; one whose data is gone is failed on the spot, and the next one is looked for."""
        while not self._is_draining:
            with self._database.unit_of_work() as connection:
                claim = self._claim_one(connection, slot)
                job = None if claim is None else self._located(connection, claim)
            del self._in_doubt[slot]
            if claim is None or job is not None:
                return job
        return None

    def _located(self, connection: Connection, claim: Claim) -> _Job | None:
        try:
            return _Job(
                claim,
                locate(connection, claim, store=self._store),
                locate_beginning(connection, claim),
            )
        except InvalidData as error:
            reason = {
                "code": "invalid_data",
                "message": str(error),
                "param": "#/data/dataset",
                "fault": Fault.USER,
            }
            endings.end(connection, claim.lease, Ending(outcome=Outcome.FAILED, reason=reason))
            return None

    def _claim_one(self, connection: Connection, slot: int) -> Claim | None:
        """The job that this slot may have claimed without hearing of it, else the next one."""
        token = self._in_doubt.get(slot)
        if token is not None and (claim := leases.claimed(connection, token=token)) is not None:
            return claim
        self._in_doubt[slot] = leases.new_token()
        return leases.claim(
            connection,
            pool=self._settings.pool,
            worker_id=self._identity.worker_id,
            worker=self._identity.name,
            device=self._devices[slot % len(self._devices)].kind,
            lease_seconds=self._settings.lease_seconds,
            token=self._in_doubt[slot],
        )

    def _spans(self, slot: int, claim: Claim, began_at: float | None) -> AttemptSpans:
        device = self._devices[slot % len(self._devices)].kind
        began_at = time.time() if began_at is None else began_at
        return AttemptSpans(self._tracer, claim, began_at=began_at, worker=self._identity.name, device=device)

    def _supervise(self, slot: int, job: _Job, trainer: TrainerProcess, *, began_at: float | None = None) -> None:
        """See an attempt through; `began_at` is when its claim was begun."""
        spans = self._spans(slot, job.claim, began_at)
        lease, status = job.claim.lease, None
        try:
            supervisor, ledger = self._equipped(job, trainer, spans)
        except BaseException:
            trainer.close()  # nobody will bury it
            raise
        with self._changed:
            self._running[lease.job_id] = supervisor
            must_drain = self._has_drained
        if must_drain:
            self._drain_one(supervisor)
        self._trackers.begin(job.claim, ledger)
        try:
            status = supervisor.run(on_spare_due=lambda: self._spares.refill(slot), give_up=self._give_up)
            log.info("job %s attempt %d: %s", lease.job_id, lease.attempt, status or "superseded")
            self._quarantine.judge(slot, supervisor.ending)
        finally:
            spans.end(status)
            self._trackers.end(lease, status)
            with self._changed:
                del self._running[lease.job_id]

    def _equipped(self, job: _Job, trainer: TrainerProcess, spans: AttemptSpans) -> tuple[Supervisor, Ledger]:
        """Who sees an attempt through, and the pen that it writes with."""
        claim, settings, store = job.claim, self._settings, self._store
        luggage = luggage_of(
            store, claim, source=job.source, begin=job.begin, patience_seconds=settings.offline_seconds
        )
        ledger = Ledger(
            self._database,
            luggage.discarding or store,
            claim.lease,
            lease_seconds=settings.lease_seconds,
            keep_last=keep_last(claim),
        )
        memory, threads = settings.cache / "baselines", self._num_threads
        start = start_frame(claim, job.source, store=store, num_threads=threads, begin=job.begin, memory=memory)
        limits = limits_of(claim, settings)
        return Supervisor(trainer, start, ledger=ledger, limits=limits, spans=spans, luggage=luggage), ledger

    def _drain_one(self, supervisor: Supervisor) -> None:
        supervisor.order("drain", grace_seconds=_TRAINERS_SHARE * self._settings.drain_seconds)
