"""GPU time: how long a project's jobs have held a GPU in a calendar month.

An attempt is written down when it ends, split where a month turns, and stays written when its job is deleted. What
still runs counts as well, up to now.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from models.clock import now
from models.prepared import Prepared, Reader
from models.tables import attempts, gpu_usage, jobs
from models.upserts import insert_into

_GPU: Final = "cuda"


def charge(connection: Connection, *, job: Row[Any], attempt: Row[Any]) -> None:
    """Write down what an attempt that has just ended took, where it held a GPU."""
    if attempt.device != _GPU or job.device == "cpu":
        return
    for month, seconds in by_month(attempt.started_at, attempt.ended_at).items():
        taken = insert_into(connection, gpu_usage).values(project=job.project, month=month, seconds=seconds)
        total = gpu_usage.c.seconds + taken.excluded.seconds
        connection.execute(taken.on_conflict_do_update(index_elements=["project", "month"], set_={"seconds": total}))


def used(connection: Reader, project: str) -> int:
    """Whole seconds of this month, by the database's clock, what runs included."""
    moment = float(_NOW.one(connection, {})[0])
    month = _month(moment)
    ended = sum(float(row.seconds) for row in _ENDED.all(connection, {"of_project": project, "of_month": month}))
    live = [row.started_at for row in _LIVE.all(connection, {"of_project": project})]
    return math.floor(ended + sum(by_month(started_at, moment).get(month, 0.0) for started_at in live))


def by_month(started_at: float, ended_at: float) -> dict[str, float]:
    """Seconds of a stretch of time in each calendar month (UTC) that it lies in: `{"2026-11": 12.5}`."""
    split: dict[str, float] = {}
    while started_at < ended_at:
        end = min(ended_at, next_month(datetime.fromtimestamp(started_at, UTC)).timestamp())
        split[_month(started_at)] = end - started_at
        started_at = end
    return split


def next_month(moment: datetime) -> datetime:
    """The first instant of the month after a moment's."""
    years, month = divmod(moment.month, 12)
    return datetime(moment.year + years, month + 1, 1, tzinfo=UTC)


def seconds_left(moment: datetime) -> int:
    """Whole seconds until the month turns, at least one."""
    return max(1, math.ceil((next_month(moment) - moment).total_seconds()))


def _month(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m")


_NOW = Prepared(select(now()))
_ENDED = Prepared(
    select(gpu_usage.c.seconds).where(
        gpu_usage.c.project == bindparam("of_project"), gpu_usage.c.month == bindparam("of_month")
    )
)
_LIVE = Prepared(
    select(attempts.c.started_at)
    .join(jobs, jobs.c.id == attempts.c.job_id)
    .where(attempts.c.ended_at.is_(None), attempts.c.device == _GPU)
    .where(jobs.c.project == bindparam("of_project"), jobs.c.device != "cpu")
)
