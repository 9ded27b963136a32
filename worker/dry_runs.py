"""Tries specs for those who ask before they submit: a thread beside the slots, and a process forked for each.

One at a time, with a time limit, on the CPU beside whatever trains, and on a GPU only while one of its slots is free.
Whatever becomes of the process, the thread answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from models import dry_runs
from models.artifacts import ArtifactStore
from models.database import Database
from models.dry_runs import DryRun
from models.errors import InvalidData
from models.leases import Claim, Lease
from models.settings import Settings
from worker import memory_kills
from worker.asked import Asked, ProcessGone
from worker.assignment import locate, locate_beginning
from worker.lookout import Lookout
from worker.messages import Frame
from worker.node import Device
from worker.provisions import Missing, at_hand
from worker.spares import Spares

log = logging.getLogger(__name__)

#: Left for the answer's way back.
_MARGIN_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 2.0
_TOO_LONG: Final = {
    "status": 504,
    "code": "dry_run_timeout",
    "detail": "Preparing the data and taking a step took longer than a request may; the job itself may take longer.",
}


class DryRuns:
    """Claims what waits in a pool and has it tried, one after another."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        store: ArtifactStore,
        spares: Spares,
        worker_id: str,
        device: Callable[[], tuple[Device, bool]],
        num_threads: int,
    ) -> None:
        """`device` answers what to try on, and whether a slot of it is free."""
        self._pool = settings.pool
        self._database = database
        self._store = store
        self._spares = spares
        self._worker_id = worker_id
        self._device = device
        self._num_threads = num_threads
        self._asked: Asked | None = None
        self._lookout = Lookout("dry runs", self._try_one, nudge=dry_runs.nudge(self._pool))

    def start(self) -> None:
        """Begin to look."""
        self._lookout.start()

    def nudge(self, message: str) -> None:
        """Look now, if the message tells of a dry run in this pool."""
        self._lookout.nudge(message)

    def close(self) -> None:
        """Leave what is not finished to other workers."""
        self._lookout.close()
        if (asked := self._asked) is not None:
            asked.process.kill()  # the thread hears of it
        self._lookout.has_ended(within_seconds=_STOP_SECONDS)

    def _try_one(self) -> bool:
        """Try the oldest; False where there was none. Raises Unavailable and NoTemplate."""
        with self._database.reading() as connection:
            if not dry_runs.is_waiting(connection, pool=self._pool):
                return False
        device, is_free = self._device()
        asked = self._asked = Asked(self._spares.dry_runner(device.environment))  # who cannot fork leaves it to others
        try:
            with self._database.unit_of_work() as connection:
                found = dry_runs.claim(
                    connection,
                    pool=self._pool,
                    worker_id=self._worker_id,
                    devices=dry_runs.takes(device.kind, is_free=is_free),
                )
            if found is None:
                return False
            document = self._document(asked, found)
        finally:
            self._asked = None
            asked.close()
        with self._database.unit_of_work() as connection:
            if document is None:
                dry_runs.release(connection, dry_run_id=found.id)
            else:
                dry_runs.answer(connection, dry_run_id=found.id, document=document)
        return document is not None

    def _document(self, asked: Asked, wanted: DryRun) -> dict[str, Any] | None:
        """What the client is to be told; None when this worker stops before it is known."""
        until, oom_kills = time.monotonic() + wanted.seconds_left - _MARGIN_SECONDS, memory_kills.count()
        try:
            with self._question(wanted, until=until) as question:
                return asked.ask(question, timeout_seconds=max(0.0, until - time.monotonic()))
        except InvalidData as error:
            return {"problem": _problem(422, "invalid_data", str(error), pointer="#/data/dataset")}
        except Missing as missing:
            return {"problem": _problem(503, missing.reason.code, missing.reason.message)}
        except TimeoutError:
            return {"problem": dict(_TOO_LONG)}
        except ProcessGone as error:
            if self._lookout.closing.is_set():
                return None
            log.warning("the process of dry run %s has ended: %s", wanted.id, error)
        if memory_kills.count() > oom_kills:
            detail = "The operating system ran out of memory and killed the dry run."
            return {"problem": _problem(422, "out_of_memory", detail, pointer="#/training/batch_size")}
        return {"problem": _problem(503, "dry_run_crashed", "The process that tried the step has crashed.")}

    @contextmanager
    def _question(self, wanted: DryRun, *, until: float) -> Iterator[Frame]:
        """What the process is asked, with the data at hand. Raises InvalidData where it is gone, and Missing."""
        claim = Claim(Lease(wanted.id, 1, ""), wanted.project, dict(wanted.sent), dict(wanted.resolved), [])
        with self._database.reading() as connection:
            source = locate(connection, claim, store=self._store)
            begin = locate_beginning(connection, claim)
        device = (wanted.sent.get("resources") or {}).get("device", "auto")
        patience = max(0.0, until - time.monotonic())
        with at_hand(self._store, source=source, begin=begin, patience_seconds=patience) as found:
            fields = {"spec": wanted.resolved, "device": device, "num_threads": self._num_threads}
            yield Frame("question", {**fields, **found})


def _problem(status: int, code: str, detail: str, *, pointer: str | None = None) -> dict[str, Any]:
    errors = [] if pointer is None else [{"pointer": pointer, "detail": detail}]
    return {"status": status, "code": code, "detail": detail, "errors": errors}
