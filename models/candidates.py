"""Which job is begun next: by priority, then age, among those whose projects may begin one."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, literal_column, select

from models import quotas
from models.clock import now
from models.tables import jobs

#: Jobs that every worker may take: those that leave the device to it, and those that want what every machine has.
ANY_DEVICE: Final = ("auto", "cpu")
#: No job waits longer than this for its next attempt to be due.
LONGEST_DELAY_SECONDS: Final = 600.0


def next_job(connection: Connection, *, pool: str, device: str) -> str | None:
    """The next due job of a pool that this device may train and whose project may begin one now, its row locked; None
    where there is none.
    """
    asleep: list[str] = []
    spent: list[str] = []  # no GPU time left: their jobs for the CPU may begin
    found = connection.execute(_NEXT, {"pool": pool, "device": device}).one_or_none()
    while found is not None:
        on_gpu = device == "cuda" and found.device != "cpu"
        hold = quotas.held_back(connection, project=found.project, on_gpu=on_gpu, claims=True)
        if hold is None:
            return str(found.id)
        (spent if hold == "gpu_seconds" else asleep).append(found.project)
        passing = {"pool": pool, "device": device, "asleep": asleep, "spent": spent}
        found = connection.execute(_NEXT_BUT, passing).one_or_none()
    return None


_NEXT = (
    select(jobs.c.id, jobs.c.project, jobs.c.device)
    .where(jobs.c.status == literal_column("'queued'"), jobs.c.pool == bindparam("pool"))
    # One that is due later than any delay was queued before the clock was set back: it waits for no second tomorrow.
    .where((jobs.c.available_at <= now()) | (jobs.c.available_at > now() + LONGEST_DELAY_SECONDS))
    .where(jobs.c.device.in_(ANY_DEVICE) | (jobs.c.device == bindparam("device")))
    .order_by(jobs.c.priority.desc(), jobs.c.queued_at, jobs.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)  # SQLite has no row locks and needs none: one writer at a time
)
_NEXT_BUT = _NEXT.where(
    jobs.c.project.not_in(bindparam("asleep", expanding=True)),
    (jobs.c.device == "cpu") | jobs.c.project.not_in(bindparam("spent", expanding=True)),
)
