"""A worker, put together: database, identity, spares, slots, and the threads that keep it going without a broker."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from contextlib import suppress
from typing import Final

from models import doorbells, endings, workers
from models.artifacts import is_remote, usable_store
from models.database import Database
from models.destinations import Destinations
from models.errors import Unavailable
from models.settings import Settings
from models.spans import open_tracer
from worker import health, node
from worker.dry_runs import DryRuns
from worker.nudges import Nudges
from worker.predictions import Predictions
from worker.slots import Slots
from worker.spares import Spares
from worker.tracking.trackers import Trackers

log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 2.0
#: A tracker that has not taken everything by the end of its worker may still do so for so long.
_TRACKERS_SECONDS: Final = 3.0


class Worker:
    """Everything that one worker process owns. Start it once, and close it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._identity = node.identify(settings.data_dir / "workers")
        self._devices = node.devices()
        self._database = Database(settings.database)
        store = usable_store(settings, owner=self._identity.node)
        if is_remote(store):
            store.clear_workspace()
        self._trackers = Trackers(Destinations.of(settings), database=self._database, store=store)
        version = node.versions().get("trainyard-service", "0")
        self._tracer = open_tracer(settings, part="worker", version=version)
        self._spares = Spares(
            [self._devices[slot % len(self._devices)].environment for slot in range(settings.slots)],
            on_ready=self._sweep,
        )
        self.slots: Final = Slots(
            settings,
            database=self._database,
            store=store,
            identity=self._identity,
            devices=self._devices,
            spares=self._spares,
            trackers=self._trackers,
            tracer=self._tracer,
        )
        self._predictions = Predictions(
            settings,
            database=self._database,
            store=store,
            spares=self._spares,
            worker_id=self._identity.worker_id,
        )
        self._dry_runs = DryRuns(
            settings,
            database=self._database,
            store=store,
            spares=self._spares,
            worker_id=self._identity.worker_id,
            device=self.slots.idle_device,
            num_threads=max(1, node.num_cores() // settings.slots),
        )
        self._nudges = Nudges(settings.broker, pool=settings.pool, on_nudge=self._heard, on_ring=self._sweep)
        self._closing = threading.Event()
        self._signalled, self._signal_end = os.pipe()
        self._threads = [
            threading.Thread(target=self._keep_house, name="housekeeping", daemon=True),
            threading.Thread(target=self._await_signal, name="drain", daemon=True),
        ]

    def start(self) -> None:
        """Start everything; returns at once, whether or not database and broker answer."""
        self._spares.start()
        self._nudges.start()
        self._predictions.start()
        self._dry_runs.start()
        for thread in self._threads:
            thread.start()
        log.info("worker %s (%s) serves pool %s", self._identity.name, self._identity.worker_id, self._settings.pool)

    def answer_doorbell(self) -> None:
        """Train what is claimable here; what is not, another worker of the pool is told of."""
        self.slots.work()
        with suppress(Unavailable):
            if self._is_owed_a_ring():
                self._nudges.pass_on()

    def drain_soon(self) -> None:
        """Begin to drain; may be called from a signal handler, so it takes no lock."""
        with suppress(OSError):
            os.write(self._signal_end, b"!")

    def close(self) -> None:
        """Drain, wait for the running jobs within their time, and stop everything."""
        self.slots.drain()
        if not self.slots.wait_until_idle():
            log.error("some attempts could not be ended; their leases will run out")
        self._trackers.close(_TRACKERS_SECONDS)
        self._closing.set()
        self.drain_soon()
        for thread in self._threads:
            thread.join(_RETRY_SECONDS)
        self._nudges.close()
        self._predictions.close()
        self._dry_runs.close()
        self._spares.close()
        self._tracer.close()
        with suppress(Unavailable), self._database.unit_of_work() as connection:
            workers.leave(connection, worker_id=self._identity.worker_id)
        self._database.close()
        self._identity.release()

    def _heard(self, message: str) -> None:
        """A nudge tells of a question, or names a job that has orders."""
        self._predictions.nudge(message)
        self._dry_runs.nudge(message)
        self.slots.nudge(message)

    def _await_signal(self) -> None:
        os.read(self._signalled, 1)
        if not self._closing.is_set():
            log.info("draining: running jobs save a checkpoint and go back to the queue")
            self.slots.drain()

    def _keep_house(self) -> None:
        """Register, then beat and sweep for ever; a database that is away is asked again."""
        is_known = False
        while not self._closing.is_set():
            try:
                if not is_known:
                    self._register()
                    is_known = True
                self._beat_and_sweep()
            except Unavailable:
                log.warning("the database does not answer; trying again")
            except Exception:  # without this thread a lost doorbell would never be made up for
                log.exception("housekeeping has failed; trying again")
            self._closing.wait(_RETRY_SECONDS)

    def _register(self) -> None:
        identity, settings = self._identity, self._settings
        with self._database.unit_of_work() as connection:
            earlier = workers.register(
                connection,
                worker_id=identity.worker_id,
                node=identity.node,
                name=identity.name,
                pool=settings.pool,
                slots=settings.slots,
                devices=[device.document() for device in self._devices],
                versions=node.versions(),
            )
            for job_id, status in endings.recover(connection, worker_ids=earlier):
                log.warning("job %s was left by an earlier life of this worker: %s", job_id, status)

    def _beat_and_sweep(self) -> None:
        beat_at = sweep_at = time.monotonic()
        while not self._closing.is_set():
            now = time.monotonic()
            if now >= beat_at:
                self._beat()
                beat_at = now + self._settings.heartbeat_seconds
            if now >= sweep_at:
                self._sweep()
                sweep_at = now + self._settings.doorbell_seconds * random.uniform(0.8, 1.2)  # noqa: S311  jitter
            self._closing.wait(max(0.0, min(beat_at, sweep_at) - time.monotonic()))

    def _beat(self) -> None:
        with self._database.unit_of_work() as connection:
            must_drain = workers.beat(
                connection,
                worker_id=self._identity.worker_id,
                utilisation=node.utilisation(self._devices),
                quarantined=self.slots.quarantined(),
            )
        health.note_beat()
        if must_drain is None:
            log.warning("worker %s is no longer known; registering again", self._identity.worker_id)
            self._register()
        elif must_drain:
            self.slots.close_the_door()

    def _is_owed_a_ring(self) -> bool:
        with self._database.reading() as connection:
            return self._settings.pool in doorbells.overdue(connection)

    def _sweep(self) -> None:
        """Ring the bell of every free slot, in case a doorbell was lost or never could be rung."""
        for _ in range(self.slots.num_free):
            threading.Thread(target=self.slots.work, name="sweep", daemon=True).start()


class _Running:
    """The worker of this process; Celery's tasks find it here."""

    worker: Worker | None = None


def start(settings: Settings) -> None:
    """Make and start the worker of this process."""
    _Running.worker = Worker(settings)
    _Running.worker.start()


def current() -> Worker:
    """The worker of this process. Raises RuntimeError where there is none."""
    if _Running.worker is None:
        raise RuntimeError("no worker runs in this process")
    return _Running.worker


def drain_soon() -> None:
    """Begin to drain, if there is a worker; takes no lock."""
    if _Running.worker is not None:
        _Running.worker.drain_soon()


def stop() -> None:
    """Drain and stop the worker of this process, if there is one."""
    if _Running.worker is not None:
        _Running.worker.close()
        _Running.worker = None
