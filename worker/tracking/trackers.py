"""The trackers of a worker's attempts: begun and ended with each, and given a last moment when the worker stops."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from models.artifacts import ArtifactStore
from models.database import Database
from models.destinations import Destinations
from models.hyperparameters import hyperparameters
from models.leases import Claim, Lease
from models.status import Status
from worker.ledger import Ledger
from worker.tracking.feeder import Feeder, Patience
from worker.tracking.offline import keeper
from worker.tracking.process import COMMAND
from worker.tracking.sinks import SINKS, TITLES

log = logging.getLogger(__name__)

_KILL_SECONDS: Final = 10.0


class Trackers:
    """Starts a feeder for every tracker that a claimed job names and the operator allows."""

    def __init__(
        self,
        destinations: Destinations,
        *,
        database: Database,
        store: ArtifactStore,
        patience: Patience | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._destinations = destinations
        self._database = database
        self._store = store
        self._patience = patience or Patience()
        self._command = command
        self._lock = threading.Lock()
        self._feeders: dict[Lease, list[Feeder]] = {}

    def begin(self, claim: Claim, ledger: Ledger) -> None:
        """Begin to tell the trackers of an attempt; returns at once, whatever state they are in."""
        tracking = claim.spec.get("tracking") or {}
        try:
            named = [tracker for tracker in SINKS if tracking.get(tracker)]
            refused = {mistake.pointer.split("/")[2]: mistake for mistake in self._destinations.refused(tracking)}
            feeders = [self._feeder(tracker, claim, ledger) for tracker in named if tracker not in refused]
            with self._lock:
                self._feeders[claim.lease] = feeders
            for feeder in feeders:
                feeder.start()
            for tracker, mistake in refused.items():
                message = f"{TITLES[tracker]} {mistake.detail} on this worker; the job goes on without it."
                ledger.remark("tracking_refused", message)
        except Exception:  # nothing about a tracker may keep a job from training
            log.exception("job %s: its trackers cannot be told", claim.lease.job_id)

    def end(self, lease: Lease, status: Status | None) -> None:
        """The attempt has ended; without a status another may hold the job already."""
        for feeder in self._of(lease):
            feeder.kill() if status is None else feeder.end()

    def close(self, timeout_seconds: float) -> None:
        """Give what still lingers a last moment, then kill it."""
        with self._lock:
            left = [feeder for feeders in self._feeders.values() for feeder in feeders]
            self._feeders.clear()
        deadline = time.monotonic() + timeout_seconds
        for feeder in left:
            if not feeder.join(max(0.0, deadline - time.monotonic())):
                feeder.kill()
        for feeder in left:
            feeder.join(_KILL_SECONDS)

    def _of(self, lease: Lease) -> Sequence[Feeder]:
        """The feeders of an attempt; those of others that are over are forgotten."""
        with self._lock:
            over = [one for one, feeders in self._feeders.items() if all(feeder.join(0) for feeder in feeders)]
            found = self._feeders.get(lease, [])
            for one in over:
                del self._feeders[one]
            return found

    def _feeder(self, tracker: str, claim: Claim, ledger: Ledger) -> Feeder:
        settings: dict[str, Any] = claim.spec["tracking"][tracker]
        key = f"jobs/{claim.lease.job_id}/{tracker}"
        folder = self._store.workspace(key)
        run = {
            "job_id": claim.lease.job_id,
            "name": claim.spec.get("name"),
            "labels": claim.spec.get("labels") or {},
            "began_at": time.time(),
            "params": hyperparameters(claim.spec),
            "settings": settings,
            "address": self._destinations.located(settings.get("tracking_uri", "")),
            "folder": str(folder),
        }
        return Feeder(
            tracker,
            run,
            database=self._database,
            lease=claim.lease,
            warn=ledger.remark,
            folder=folder,
            keep=keeper(self._store, key, settings=settings),
            patience=self._patience,
            command=self._command,
        )
