"""The leaderless reaper: takes jobs from attempts that have fallen silent, and from nobody else.

It watches each lease's heartbeat counter on its own monotonic clock and acts only where the counter has stood still for
a whole lease while every look at the database succeeded; a look that failed starts all windows anew. So neither clock
jumps nor a paused reaper nor a database outage can make it reap an attempt that lives (client-go's leader election
tolerates clock skew in the same way). Any number of reapers may run: the deletion of the lease is a compare-and-set.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import select

from models.database import Database
from models.endings import reap
from models.errors import Unavailable
from models.leases import Lease
from models.status import Status
from models.tables import job_leases


class _Observed(NamedTuple):
    hb_seq: int
    since: float


class Reaper:
    """One observer. Call `sweep` every `reaper_seconds` from one thread."""

    def __init__(
        self,
        database: Database,
        *,
        lease_seconds: float,
        every_seconds: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Looks that lie further apart than half a lease start all windows anew: where this process slept, the holders
        may have slept too, and between two of their heartbeats there is room for the other half. Where `sweep` is
        called more rarely than that, every `every_seconds`, its own pace is no sign of sleep.
        """
        self._database = database
        self._lease_seconds = lease_seconds
        self._longest_gap_seconds = max(lease_seconds / 2, 1.5 * every_seconds)
        self._monotonic = monotonic
        self._observed: dict[Lease, _Observed] = {}
        self._last_look: float | None = None

    def sweep(self) -> list[tuple[str, Status]]:
        """Look at every lease once; returns the jobs that were taken back and where they now stand. Raises
        `Unavailable`.
        """
        started = self._monotonic()
        if self._last_look is not None and started - self._last_look > self._longest_gap_seconds:
            self._observed.clear()  # this process slept: the silence may have been its own
        try:
            silent = self._look(started)
            reaped = [(lease.job_id, status) for lease in silent if (status := self._take(lease)) is not None]
        except Unavailable:
            self._observed.clear()
            raise
        self._last_look = started  # a sleep amid this sweep is one between this look and the next
        return reaped

    def _look(self, at: float) -> list[Lease]:
        with self._database.reading() as connection:
            rows = connection.execute(
                select(job_leases.c.job_id, job_leases.c.attempt, job_leases.c.lease_token, job_leases.c.hb_seq),
            ).all()
        seen_at = self._monotonic()  # an answer that took long says nothing of the time before it
        before, self._observed = self._observed, {}
        for row in rows:
            lease = Lease(row.job_id, row.attempt, row.lease_token)
            known = before.get(lease)
            self._observed[lease] = (
                known if known is not None and known.hb_seq == row.hb_seq else _Observed(row.hb_seq, seen_at)
            )
        return [lease for lease, seen in self._observed.items() if at - seen.since >= self._lease_seconds]

    def _take(self, lease: Lease) -> Status | None:
        with self._database.unit_of_work() as connection:
            return reap(connection, lease, observed_seq=self._observed[lease].hb_seq, lease_seconds=self._lease_seconds)
