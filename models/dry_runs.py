"""Dry runs: a spec that a request leaves for the workers of a pool to try for a few steps, and what one of them found.

Like a question to a network it is a row for as long as somebody waits for the answer, and nothing is left of it then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from models import pools
from models.candidates import ANY_DEVICE
from models.clock import now
from models.errors import NotFound, Unavailable
from models.identifiers import new_id
from models.json_text import decode, encode
from models.tables import dry_runs

#: More that wait in one pool at once would be answered behind their deadlines.
MAX_WAITING: Final = 32
#: How long a row outlives its deadline.
KEPT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What a worker is to try. `seconds_left` when it was claimed."""

    id: str
    project: str
    sent: Mapping[str, Any]
    resolved: Mapping[str, Any]
    seconds_left: float


def nudge(pool: str) -> str:
    """What is said on the workers' channel when a dry run waits in a pool."""
    return f"dry-run {pool}"


def ask(
    connection: Connection,
    *,
    project: str,
    sent: Mapping[str, Any],
    resolved: Mapping[str, Any],
    timeout_seconds: float,
) -> str:
    """Leave a spec to be tried; its id. Raises `Unavailable` where no live worker can run it, or too many wait."""
    pool, device = resolved["resources"]["pool"], (sent.get("resources") or {}).get("device", "auto")
    if (lack := pools.look(connection, pool).lack(device)) is not None:
        raise Unavailable(lack.detail, code=lack.reason, headers={"Retry-After": "5"})
    waiting = select(func.count()).where(dry_runs.c.pool == pool, ~dry_runs.c.is_answered)
    if connection.execute(waiting).scalar_one() >= MAX_WAITING:
        detail = f"{MAX_WAITING} dry runs are waiting in the pool {pool!r} already; ask again."
        raise Unavailable(detail, code="dry_runs_busy", headers={"Retry-After": "5"})
    identifier = new_id("dry")
    connection.execute(
        insert(dry_runs).values(
            id=identifier,
            project=project,
            pool=pool,
            device=device,
            sent=encode(dict(sent)),
            resolved=encode(dict(resolved)),
            deadline_at=now() + timeout_seconds,
            is_answered=False,
        )
    )
    return identifier


def is_waiting(connection: Connection, *, pool: str) -> bool:
    """Whether something in this pool waits to be tried; a look that writes nothing."""
    return connection.execute(_open(pool).limit(1)).first() is not None


def claim(connection: Connection, *, pool: str, worker_id: str, devices: Collection[str]) -> DryRun | None:
    """Take the oldest that wants one of these devices, or any; None where there is none."""
    chosen = (
        _open(pool)
        .where(dry_runs.c.device.in_(sorted({*devices})))
        .order_by(dry_runs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(
        update(dry_runs)
        .where(dry_runs.c.id.in_(chosen))
        .values(claimed_by=worker_id)
        .returning(*dry_runs.c, (dry_runs.c.deadline_at - now()).label("seconds_left"))
    ).one_or_none()
    if row is None:
        return None
    return DryRun(
        id=row.id,
        project=row.project,
        sent=decode(row.sent),
        resolved=decode(row.resolved),
        seconds_left=row.seconds_left,
    )


def release(connection: Connection, *, dry_run_id: str) -> None:
    """Leave it to another worker."""
    mine = (dry_runs.c.id == dry_run_id) & ~dry_runs.c.is_answered
    connection.execute(update(dry_runs).where(mine).values(claimed_by=None))


def answer(connection: Connection, *, dry_run_id: str, document: Any) -> None:
    """Say what was found, unless nobody waits any more."""
    mine = (dry_runs.c.id == dry_run_id) & ~dry_runs.c.is_answered
    connection.execute(update(dry_runs).where(mine).values(is_answered=True, answer=encode(document)))


def answer_to(connection: Connection, *, dry_run_id: str) -> Any | None:
    """What was found; None while nothing is. Raises `NotFound` behind the deadline."""
    row = connection.execute(
        select(dry_runs.c.answer, dry_runs.c.is_answered).where(dry_runs.c.id == dry_run_id)
    ).one_or_none()
    if row is None:
        raise NotFound("The dry run is over.")
    return decode(row.answer) if row.is_answered else None


def forget(connection: Connection, *, dry_run_id: str) -> None:
    """Nobody waits for it any more."""
    connection.execute(delete(dry_runs).where(dry_runs.c.id == dry_run_id))


def versions(connection: Connection, dry_run_ids: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Numbers that change when one is answered, for a watcher."""
    rows = connection.execute(select(dry_runs.c.id, dry_runs.c.is_answered).where(dry_runs.c.id.in_(dry_run_ids)))
    return {row.id: (int(row.is_answered), 0, 0) for row in rows}


def expire(connection: Connection) -> int:
    """Forget those whose deadline has passed; returns how many."""
    return connection.execute(delete(dry_runs).where(dry_runs.c.deadline_at < now() - KEPT_SECONDS)).rowcount


def takes(kind: str, *, is_free: bool) -> set[str]:
    """The wishes that a worker's device meets. A GPU whose slots are all busy is left to what trains on it."""
    if kind == "cpu":
        return {*ANY_DEVICE}
    return {*ANY_DEVICE, kind} if is_free else {"cpu"}


def _open(pool: str) -> Any:
    return select(dry_runs.c.id).where(
        dry_runs.c.pool == pool,
        ~dry_runs.c.is_answered,
        dry_runs.c.claimed_by.is_(None),
        dry_runs.c.deadline_at > now(),
    )
