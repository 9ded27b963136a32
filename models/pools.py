"""What the live workers of a pool have: which devices, how many slots, and what a job that wants more is to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import bindparam, select

from models.candidates import ANY_DEVICE
from models.json_text import decode
from models.prepared import Prepared, Reader
from models.tables import workers
from models.workers import is_alive


class Lack(NamedTuple):
    """Why no live worker can run a job: a code and a sentence."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Pool:
    """The workers of one pool that live and take jobs. `slots` counts theirs by the kind of their devices, without
    those in quarantine.
    """

    name: str
    slots: Mapping[str, int]
    num_draining: int
    num_quarantined: int

    def num_slots(self, device: str) -> int:
        """Slots that a job for this device may run in."""
        return sum(num for kind, num in self.slots.items() if device in ANY_DEVICE or kind == device)

    def lack(self, device: str) -> Lack | None:
        """Why a job for this device cannot run on any of them; None where it can."""
        if self.num_slots(device):
            return None
        if not self.slots and self.num_quarantined:
            detail = f"Every slot of the pool {self.name!r} is in quarantine, because its device has failed."
            return Lack("no_device", detail)
        if not self.slots and self.num_draining:
            detail = f"Every live worker of the pool {self.name!r} is draining and takes no jobs; start one that does."
            return Lack("no_worker", detail)
        if not self.slots:
            return Lack("no_worker", f"No worker of the pool {self.name!r} is there; start one.")
        there = ", ".join(sorted(self.slots))
        detail = f"No live worker of the pool {self.name!r} has the device {device!r}; theirs are: {there}."
        return Lack("no_device", detail)


def look(connection: Reader, name: str) -> Pool:
    """The pool as it is now."""
    slots: dict[str, int] = {}
    num_draining = num_quarantined = 0
    for row in _ALIVE.all(connection, {"of_pool": name}):
        if row.draining:
            num_draining += 1
            continue
        devices, failed = decode(row.devices), {slot["slot"] for slot in decode(row.quarantined)}
        num_quarantined += len(failed)
        for slot in range(row.slots):
            if slot not in failed and devices:
                kind = str(devices[slot % len(devices)]["type"])  # slot i trains on device i, counted round
                slots[kind] = slots.get(kind, 0) + 1
    return Pool(name, slots, num_draining, num_quarantined)


_ALIVE = Prepared(
    select(workers.c.devices, workers.c.slots, workers.c.draining, workers.c.quarantined).where(
        workers.c.pool == bindparam("of_pool"), is_alive()
    )
)
