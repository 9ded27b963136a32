"""Quotas: how much of the service a project may take, and how much it takes.

Defaults come from the settings and stand in the database beside the projects' own limits, so that the API and every
worker go by the same ones. Whatever brings a job into the queue at a user's wish calls `admit`; whatever begins one
asks `held_back` first. What the service itself puts back into the queue is never refused. A project's row is locked
before something of it is counted, so that two requests at once do not both find the last place free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, literal_column, select

from models import gpu_time
from models.clock import rfc3339
from models.errors import TooManyRequests
from models.prepared import Prepared, Reader
from models.settings import Settings
from models.status import HELD, Status
from models.tables import datasets, jobs, projects, quotas
from models.upserts import insert_into

#: In the place of a project's name: what holds where it has no limit of its own.
DEFAULTS: Final = "*"

Hold = Literal["closed", "running_jobs", "gpu_seconds"]


@dataclass(frozen=True, slots=True)
class Quota:
    """Something that a project may take only so much of."""

    description: str
    setting: str
    used: Callable[[Reader, str], int]
    refusal: str
    is_spent: bool = False  # what is used comes back only with time, so nothing may be added at the limit itself


def set_defaults(connection: Connection, settings: Settings) -> None:
    """Put the settings' limits where every process finds them."""
    for name, quota in QUOTAS.items():
        _put(connection, project=DEFAULTS, name=name, most=getattr(settings, quota.setting))


def change(connection: Connection, *, project: str, limits: Mapping[str, int | Literal["unlimited"] | None]) -> None:
    """Give a project limits of its own; None takes one back, and the default holds again."""
    for name, most in limits.items():
        if most is None:
            connection.execute(delete(quotas).where(quotas.c.project == project, quotas.c.name == name))
        else:
            _put(connection, project=project, name=name, most=None if most == "unlimited" else most)


def document(connection: Connection, *, project: str) -> dict[str, Any]:
    """What a project takes and may take, as the API shows it."""
    return {name: _shown(connection, project, name, quota) for name, quota in QUOTAS.items()}


def admit(connection: Connection, *, project: str, device: str) -> None:
    """Let a job that has just been queued stay, in its transaction. Raises TooManyRequests."""
    check(connection, project=project, name="queued_jobs")
    if device == "cuda":
        check(connection, project=project, name="gpu_seconds")


def check(connection: Connection, *, project: str, name: str) -> None:
    """Raise TooManyRequests where the project takes more than it may now, in the transaction that took it."""
    most, _ = _limit(connection, project, name)
    if most is None:
        return
    _take_turn(connection, project)
    quota = QUOTAS[name]
    used = quota.used(connection, project)
    if used > most or (quota.is_spent and used >= most):
        wait = gpu_time.seconds_left(datetime.now(UTC)) if quota.is_spent else 60
        detail = quota.refusal.format(most=most, used=used)
        raise TooManyRequests(
            detail, code="quota_exceeded", quota=name, limit=most, used=used, headers={"Retry-After": str(wait)}
        )


def held_back(connection: Reader, *, project: str, on_gpu: bool, claims: bool = False) -> Hold | None:
    """Why none of a project's jobs may begin now, or None. Who `claims` one takes its turn with others who do."""
    row = _STATE.first(connection, {"of_project": project})
    if row is not None and row.closed_at is not None:
        return "closed"
    waiting_for: tuple[Hold, ...] = ("running_jobs", "gpu_seconds") if on_gpu else ("running_jobs",)
    for name in waiting_for:
        most, _ = _limit(connection, project, name)
        if most is None:
            continue
        if claims:
            _take_turn(connection, project)
        if QUOTAS[name].used(connection, project) >= most:
            return name
    return None


def _limit(connection: Reader, project: str, name: str) -> tuple[int | None, str]:
    """The limit in force, and where it comes from."""
    found = {row.project: row.most for row in _LIMITS.all(connection, {"of_project": project, "of_name": name})}
    return (found[project], "project") if project in found else (found.get(DEFAULTS), "default")


def _shown(connection: Connection, project: str, name: str, quota: Quota) -> dict[str, Any]:
    most, source = _limit(connection, project, name)
    shown: dict[str, Any] = {"used": quota.used(connection, project), "limit": most, "source": source}
    if quota.is_spent:
        shown["resets_at"] = rfc3339(gpu_time.next_month(datetime.now(UTC)).timestamp())
    return shown


def _put(connection: Connection, *, project: str, name: str, most: int | None) -> None:
    statement = insert_into(connection, quotas).values(project=project, name=name, most=most)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["project", "name"], set_={"most": statement.excluded.most})
    )


def _take_turn(connection: Reader, project: str) -> None:
    _TURN.first(connection, {"of_project": project})


def _queued(connection: Reader, project: str) -> int:
    return int(_QUEUED.one(connection, {"of_project": project})[0])


def _running(connection: Reader, project: str) -> int:
    return int(_RUNNING.one(connection, {"of_project": project})[0])


def _bytes(connection: Reader, project: str) -> int:
    return int(_BYTES.one(connection, {"of_project": project})[0])


QUOTAS: Final[Mapping[str, Quota]] = {
    "queued_jobs": Quota(
        "Jobs that wait.",
        "max_queued_jobs",
        _queued,
        "With this one {used} jobs of the project would wait, and {most} may; wait for some to begin, or cancel some.",
    ),
    "running_jobs": Quota(
        "Jobs that train at the same time. More wait in the queue.", "max_running_jobs", _running, "{most} jobs train."
    ),
    "dataset_bytes": Quota(
        "Bytes of datasets, counted as they are declared.",
        "max_project_bytes",
        _bytes,
        "With this one the project's datasets would take {used} bytes, and {most} they may; delete some first.",
    ),
    "gpu_seconds": Quota(
        "Seconds that jobs held a GPU in this calendar month (UTC).",
        "max_gpu_seconds",
        gpu_time.used,
        "The project has used its {most} seconds of GPU for this month; a job for the CPU may still be submitted.",
        is_spent=True,
    ),
}

_STATE = Prepared(select(projects.c.closed_at).where(projects.c.name == bindparam("of_project")))
_TURN = Prepared(select(projects.c.name).where(projects.c.name == bindparam("of_project")).with_for_update())
_LIMITS = Prepared(
    select(quotas.c.project, quotas.c.most).where(
        quotas.c.name == bindparam("of_name"),
        (quotas.c.project == bindparam("of_project")) | (quotas.c.project == DEFAULTS),
    )
)
_COUNT = select(func.count()).select_from(jobs).where(jobs.c.project == bindparam("of_project"))
_HELD: Final[list[ColumnElement[str]]] = [literal_column(f"'{status}'") for status in sorted(HELD)]
_QUEUED = Prepared(_COUNT.where(jobs.c.status == Status.QUEUED))
_RUNNING = Prepared(_COUNT.where(jobs.c.status.in_(_HELD)))
_BYTES = Prepared(
    select(func.coalesce(func.sum(datasets.c.bytes), 0)).where(datasets.c.project == bindparam("of_project"))
)
