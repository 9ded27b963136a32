"""Slots whose device fails again and again: they take no job until the device has passed a probe.

A broken device fails fast, so that its slot is always free: without this it would claim one job after another and use
up the retries of each. How a device fared is told by how attempts end. A job that breaks every device it is given does
the same, so a slot is not given up for ever: a process of its own computes on the device now and then, and where that
succeeds the slot claims again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from models.clock import rfc3339
from models.endings import Ending
from models.settings import Settings
from models.status import Fault, Outcome
from worker.spares import Spares

log = logging.getLogger(__name__)

#: Reasons that speak of the device.
OF_THE_DEVICE: Final = frozenset({"gpu_fault", "no_gpu"})
_LONGEST_PAUSE_SECONDS: Final = 3600.0


@dataclass
class _Record:
    """How the device of a slot has fared. `num_stays` in quarantine are forgotten when an attempt went well."""

    num_faults: int = 0
    num_stays: int = 0
    since: float | None = None
    reason: dict[str, Any] | None = None


class Quarantine:
    """Judges the device of each slot by the endings of its attempts, and probes what it has put aside."""

    def __init__(self, settings: Settings, *, spares: Spares, on_return: Callable[[], None]) -> None:
        """So many faults in a row as the settings say put a slot aside; `on_return` is called, from a thread, when one
        is back.
        """
        self._max_faults = settings.gpu_faults
        self._probe_seconds = settings.gpu_probe_seconds
        self._spares = spares
        self._on_return = on_return
        self._records = [_Record() for _ in range(settings.slots)]
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def judge(self, slot: int, ending: Ending | None) -> None:
        """Learn from the ending of an attempt, if it had one; a failure that was neither the device's nor the user's
        says nothing.
        """
        if ending is None:
            return
        reason = dict(ending.reason or {})
        if ending.outcome is Outcome.FAILED and reason.get("code") in OF_THE_DEVICE:
            self._spares.drop(slot)  # what it has of a device that failed is broken with it
            self._count(slot, reason)
        elif ending.outcome is not Outcome.FAILED or reason.get("fault") == Fault.USER:
            with self._lock:
                self._records[slot].num_faults = self._records[slot].num_stays = 0

    def holds(self, slot: int) -> bool:
        """Whether this slot must not claim."""
        with self._lock:
            return self._records[slot].since is not None

    def document(self) -> list[dict[str, Any]]:
        """The slots that are put aside, as the API shows them."""
        with self._lock:
            return [
                {"slot": slot, "since": rfc3339(record.since), "faults": record.num_faults, "reason": record.reason}
                for slot, record in enumerate(self._records)
                if record.since is not None
            ]

    def close(self) -> None:
        """Probe no more."""
        self._closing.set()

    def _count(self, slot: int, reason: dict[str, Any]) -> None:
        with self._lock:
            record = self._records[slot]
            record.num_faults += 1
            if record.num_faults >= self._max_faults and record.since is None:
                self._put_aside(slot, record, reason)

    def _put_aside(self, slot: int, record: _Record, reason: dict[str, Any]) -> None:
        """Hold a slot until its device has passed a probe; the caller holds the lock."""
        record.since, record.reason = time.time(), reason
        record.num_stays += 1
        log.error("slot %d takes no job any more, its device has failed: %s", slot, reason.get("message"))
        threading.Thread(target=self._await_probe, args=(slot,), name=f"quarantine {slot}", daemon=True).start()

    def _await_probe(self, slot: int) -> None:
        pause = self._probe_seconds * 2 ** (self._records[slot].num_stays - 1)
        while not self._closing.wait(min(pause, _LONGEST_PAUSE_SECONDS)):
            if self._passes(slot):
                self._take_back(slot)
                return
            pause *= 2

    def _passes(self, slot: int) -> bool:
        try:
            return self._spares.probe(slot)
        except Exception:  # a slot whose probe is broken must not be lost for ever
            log.exception("slot %d: its device could not be probed", slot)
            return False

    def _take_back(self, slot: int) -> None:
        with self._lock:
            record = self._records[slot]
            record.since, record.reason, record.num_faults = None, None, 0
        log.warning("slot %d takes jobs again: its device has passed a probe", slot)
        self._on_return()
