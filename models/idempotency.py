"""Idempotency keys: the answer to a request is kept with what the request did, in the same transaction, and replayed to
its repetitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from models.clock import now
from models.errors import Conflict, Unprocessable
from models.json_text import decode, encode
from models.tables import idempotency
from models.upserts import insert_into

KEPT_SECONDS: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer that was given the first time."""

    status: int
    body: str
    headers: Mapping[str, str]


def begin(connection: Connection, *, project: str, key: str, operation: str, fingerprint: str) -> Replay | None:
    """Take a key for this request, or find the answer that its first use got.

    On PostgreSQL a concurrent first use makes this wait for its commit; on SQLite there is one writer anyway. Raises
    `Unprocessable` where the key was used for another body, `Conflict` where its first use has not been answered.
    """
    taken = connection.execute(
        insert_into(connection, idempotency)
        .values(project=project, key=key, operation=operation, fingerprint=fingerprint, created_at=now())
        .on_conflict_do_nothing()
        .returning(idempotency.c.key),
    ).one_or_none()
    if taken is not None:
        return None
    return replay(connection, project=project, key=key, operation=operation, fingerprint=fingerprint)


def replay(connection: Connection, *, project: str, key: str, operation: str, fingerprint: str) -> Replay | None:
    """The answer that the first use of a key got, or None for a key that has not been used. Raises like `begin`."""
    row = connection.execute(select(idempotency).where(*_is(project, key, operation))).one_or_none()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise Unprocessable("This Idempotency-Key was used for another request body.", code="idempotency_key_reused")
    if row.status is None:
        raise Conflict(
            "The first request with this Idempotency-Key is still under way.",
            code="idempotency_in_flight",
            headers={"Retry-After": "1"},
        )
    return Replay(row.status, row.body, decode(row.headers))


def finish(
    connection: Connection,
    *,
    project: str,
    key: str,
    operation: str,
    status: int,
    body: str,
    headers: Mapping[str, str],
) -> None:
    """Keep the answer, in the transaction that began with the key."""
    connection.execute(
        update(idempotency)
        .where(*_is(project, key, operation))
        .values(status=status, body=body, headers=encode(dict(headers))),
    )


def expire(connection: Connection) -> int:
    """Forget the keys that are older than a day; returns how many."""
    return connection.execute(delete(idempotency).where(idempotency.c.created_at < now() - KEPT_SECONDS)).rowcount


def _is(project: str, key: str, operation: str) -> tuple[Any, ...]:
    return idempotency.c.project == project, idempotency.c.key == key, idempotency.c.operation == operation
