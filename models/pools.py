"""What the live workers of a pool have: which devices, how many slots, and what a job that wants more is to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from models.candidates import ANY_DEVICE
from models.clock import now
from models.json_text import decode
from models.tables import workers
from models.workers import ALIVE_SECONDS


class Lack(NamedTuple):
    """Why no live worker can run a job: a code and a sentence."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Pool:
    """The workers of one pool that live and take jobs. `slots` counts theirs by the kind of their devices."""

    name: str
    slots: Mapping[str, int]
    num_draining: int

    def num_slots(self, device: str) -> int:
        """Slots that a job for this device may run in."""
        return sum(num for kind, num in self.slots.items() if device in ANY_DEVICE or kind == device)

    def lack(self, device: str) -> Lack | None:
        """Why a job for this device cannot run on any of them; None where it can."""
        if self.num_slots(device):
            return None
        if not self.slots and self.num_draining:
            detail = f"Every live worker of the pool {self.name!r} is draining and takes no jobs; start one that does."
            return Lack("no_worker", detail)
        if not self.slots:
            return Lack("no_worker", f"No worker of the pool {self.name!r} is there; start one.")
        there = ", ".join(sorted(self.slots))
        detail = f"No live worker of the pool {self.name!r} has the device {device!r}; theirs are: {there}."
        return Lack("no_device", detail)


def look(connection: Connection, name: str) -> Pool:
    """The pool as it is now."""
    slots: dict[str, int] = {}
    num_draining = 0
    for row in connection.execute(_ALIVE, {"of_pool": name}):
        devices = decode(row.devices)
        num_draining += bool(row.draining)
        for slot in range(0 if row.draining else row.slots if devices else 0):
            kind = str(devices[slot % len(devices)]["type"])  # slot i trains on device i, counted round
            slots[kind] = slots.get(kind, 0) + 1
    return Pool(name, slots, num_draining)


_ALIVE = select(workers.c.devices, workers.c.slots, workers.c.draining).where(
    workers.c.pool == bindparam("of_pool"), workers.c.seen_at > now() - ALIVE_SECONDS
)
