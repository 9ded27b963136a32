"""Predictions: a question that a request leaves for the workers of a pool, and the answer that one of them gives.

A question is a row, so that a lost nudge or a lost worker costs seconds: workers also look by themselves, and a claim
that has run out may be taken by another. It is forgotten soon after its deadline, when nobody waits any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update

from models.checkpoints import Checkpoint
from models.clock import now
from models.errors import NotFound, Unavailable
from models.identifiers import new_id
from models.json_text import decode, encode
from models.tables import predictions, workers
from models.workers import is_alive

#: What may wait in one pool at once: more would be answered behind their deadlines.
MAX_WAITING: Final = 256
MAX_WAITING_CHARACTERS: Final = 256 << 20
#: After this long another worker may take a question that the first one has not answered.
CLAIM_SECONDS: Final = 10.0
#: How long a row outlives its deadline.
KEPT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Rows for the network of one checkpoint; `text` is JSON for the predictor. `seconds_left` when it was claimed."""

    id: str
    location: str
    manifest_sha256: str
    text: str
    seconds_left: float


def nudge(pool: str) -> str:
    """What is said on the workers' channel when a question has been asked in a pool."""
    return f"predict {pool}"


def ask(
    connection: Connection, *, job_id: str, pool: str, checkpoint: Checkpoint, text: str, timeout_seconds: float
) -> str:
    """Leave a question; its id. Raises `Unavailable` where no worker lives in the pool, or too much waits there."""
    _check_room(connection, pool, len(text))
    identifier = new_id("prd")
    connection.execute(
        insert(predictions).values(
            id=identifier,
            job_id=job_id,
            pool=pool,
            location=checkpoint.location,
            manifest_sha256=checkpoint.manifest_sha256,
            question=text,
            characters=len(text),
            deadline_at=now() + timeout_seconds,
            is_answered=False,
        ),
    )
    return identifier


def is_waiting(connection: Connection, *, pool: str) -> bool:
    """Whether a question of this pool may be claimed; a look that writes nothing."""
    return connection.execute(_CLAIMABLE.limit(1), {"of_pool": pool}).first() is not None


def claim(connection: Connection, *, pool: str, worker_id: str, limit: int = 1) -> list[Question]:
    """Take the oldest questions of a pool that nobody answers at the moment."""
    chosen = _CLAIMABLE.order_by(predictions.c.id).limit(limit).with_for_update(skip_locked=True)
    rows = connection.execute(
        update(predictions)
        .where(predictions.c.id.in_(chosen))
        .values(claimed_by=worker_id, claimed_until=now() + CLAIM_SECONDS)
        .returning(
            predictions.c.id,
            predictions.c.location,
            predictions.c.manifest_sha256,
            predictions.c.question,
            (predictions.c.deadline_at - now()).label("seconds_left"),
        ),
        {"of_pool": pool},
    ).all()
    return [
        Question(
            id=row.id,
            location=row.location,
            manifest_sha256=row.manifest_sha256,
            text=row.question,
            seconds_left=row.seconds_left,
        )
        for row in sorted(rows, key=lambda row: str(row.id))
    ]


def release(connection: Connection, *, question_ids: Sequence[str]) -> None:
    """Give back questions that were claimed and not answered."""
    mine = predictions.c.id.in_(question_ids) & ~predictions.c.is_answered
    connection.execute(update(predictions).where(mine).values(claimed_by=None, claimed_until=None))


def answer(connection: Connection, *, question_id: str, document: Any) -> None:
    """Answer a question, unless it is answered or gone; what was asked is forgotten."""
    connection.execute(
        update(predictions)
        .where((predictions.c.id == question_id) & ~predictions.c.is_answered)
        .values(is_answered=True, answer=encode(document), question=""),
    )


def answer_to(connection: Connection, *, question_id: str) -> Any | None:
    """The answer to a question; None while there is none. Raises `NotFound` for a question that went with its job."""
    row = connection.execute(_ANSWER, {"id": question_id}).one_or_none()
    if row is None:
        raise NotFound("The job was deleted while it was asked.")
    return decode(row.answer) if row.is_answered else None


def versions(connection: Connection, question_ids: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """Numbers that change when a question is answered, for a watcher."""
    rows = connection.execute(
        select(predictions.c.id, predictions.c.is_answered).where(predictions.c.id.in_(question_ids))
    )
    return {row.id: (int(row.is_answered), 0, 0) for row in rows}


def expire(connection: Connection) -> int:
    """Forget the questions whose deadline has passed; returns how many."""
    return connection.execute(delete(predictions).where(predictions.c.deadline_at < now() - KEPT_SECONDS)).rowcount


def _check_room(connection: Connection, pool: str, num_characters: int) -> None:
    if connection.execute(_ALIVE, {"of_pool": pool}).first() is None:
        detail = f"No worker of the pool {pool!r} is there to answer; start one, then ask again."
        raise Unavailable(detail, code="no_worker", headers={"Retry-After": "5"})
    waiting = connection.execute(_WAITING, {"of_pool": pool}).one()
    if waiting.questions >= MAX_WAITING or waiting.characters + num_characters > MAX_WAITING_CHARACTERS:
        detail = f"{waiting.questions} predictions are waiting in the pool {pool!r} already; ask again."
        raise Unavailable(detail, code="predictions_busy", headers={"Retry-After": "1"})


def _is_open() -> ColumnElement[bool]:
    mine = predictions.c.pool == bindparam("of_pool")
    return mine & ~predictions.c.is_answered & (predictions.c.deadline_at > now())


_CLAIMABLE = select(predictions.c.id).where(
    _is_open(), predictions.c.claimed_until.is_(None) | (predictions.c.claimed_until < now())
)
_WAITING = select(
    func.count().label("questions"), func.coalesce(func.sum(predictions.c.characters), 0).label("characters")
).where(_is_open())
_ANSWER = select(predictions.c.answer, predictions.c.is_answered).where(predictions.c.id == bindparam("id"))
_ALIVE = select(workers.c.id).where(workers.c.pool == bindparam("of_pool"), is_alive()).limit(1)
