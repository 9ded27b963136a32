"""Job statuses, the transitions between them, and the words for what an attempt came to."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Where a job stands. Terminal ones never change but by a retry."""

    #: Waiting for a worker; claimable once `available_at` has come.
    QUEUED = "queued"
    #: Held by one attempt, which proves its life by heartbeats.
    RUNNING = "running"
    #: A running job that has been asked to pause: it writes a checkpoint first.
    PAUSING = "pausing"
    #: At rest, not claimable, until it is resumed or cancelled.
    PAUSED = "paused"
    #: A running job that has been asked to end; the first outcome to commit wins.
    CANCELLING = "cancelling"
    #: Trained, tested and saved.
    SUCCEEDED = "succeeded"
    #: Ended for a reason that `reason` gives.
    FAILED = "failed"
    #: Ended because somebody asked for it.
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the job is over."""
        return self in TERMINAL

    @property
    def is_held(self) -> bool:
        """Whether an attempt holds a lease on the job."""
        return self in HELD


TERMINAL: Final = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})
HELD: Final = frozenset({Status.RUNNING, Status.PAUSING, Status.CANCELLING})

#: Every transition there is. `models/jobs.py` and `models/leases.py` are the only doors through them.
TRANSITIONS: Final[dict[Status, frozenset[Status]]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.PAUSED, Status.CANCELLED}),
    Status.RUNNING: frozenset(
        {Status.SUCCEEDED, Status.FAILED, Status.QUEUED, Status.PAUSING, Status.CANCELLING},
    ),
    Status.PAUSING: frozenset(
        {Status.PAUSED, Status.SUCCEEDED, Status.FAILED, Status.QUEUED, Status.RUNNING, Status.CANCELLING},
    ),
    Status.PAUSED: frozenset({Status.QUEUED, Status.CANCELLED}),
    Status.CANCELLING: frozenset({Status.CANCELLED, Status.SUCCEEDED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset({Status.QUEUED}),
    Status.CANCELLED: frozenset({Status.QUEUED}),
}


class Outcome(StrEnum):
    """What an attempt came to."""

    #: It finished the job.
    SUCCEEDED = "succeeded"
    #: It ended the job with an error, or gave it back to be tried again.
    FAILED = "failed"
    #: It ended because the job was cancelled.
    CANCELLED = "cancelled"
    #: It saved a checkpoint because the job was paused.
    PAUSED = "paused"
    #: It saved a checkpoint because its worker was stopping; counted in no budget.
    DRAINED = "drained"
    #: Its worker fell silent.
    LOST = "lost"


class Fault(StrEnum):
    """Whose fault a failure is, which decides the budget that a new attempt is taken from."""

    #: The spec or the data: trying again changes nothing unless the spec says so.
    USER = "user"
    #: A worker, a device, a disk: another attempt may succeed.
    INFRASTRUCTURE = "infrastructure"
