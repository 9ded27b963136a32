"""What webhooks are owed. A delivery is written in the transaction of its event, so neither is lost without the other;
it is sent after the commit, again and again over a day, in the order of the job's events.

No process leads: a sender takes a delivery by pushing its due time into the future in a conditional UPDATE, and one
that dies on the way is followed by the next when that time has come. The receiver may so see an event twice, under the
same id.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import (
    Connection,
    Integer,
    Row,
    String,
    Text,
    and_,
    bindparam,
    exists,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql import Select

from models.clock import now, rfc3339
from models.identifiers import new_id
from models.json_text import decode, encode
from models.prepared import Prepared
from models.tables import jobs, webhook_deliveries, webhook_events, webhooks

ALL: Final = "*"
TEST_TYPE: Final = "webhook.test"
Status = Literal["pending", "delivered", "failed"]

#: A sender that holds a delivery longer than this is taken for dead.
_TAKEN_SECONDS: Final = 60.0
_LONGEST_DELAY_SECONDS: Final = 86400.0
_spread = random.SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one endpoint, and how far it has come."""

    webhook_id: str
    event_id: str
    job_id: str | None
    job_name: str | None
    seq: int
    type: str
    at: float
    data: dict[str, Any]
    status: Status
    attempts: int
    due_at: float
    sent_at: float | None
    response_status: int | None
    error: str | None

    def document(self) -> dict[str, Any]:
        """The delivery as the API shows it."""
        return {
            "id": self.event_id,
            "type": self.type,
            "job_id": self.job_id,
            "seq": self.seq,
            "at": rfc3339(self.at),
            "status": self.status,
            "attempts": self.attempts,
            "next_attempt_at": rfc3339(self.due_at) if self.status == "pending" else None,
            "last_attempt_at": rfc3339(self.sent_at),
            "response_status": self.response_status,
            "error": self.error,
        }


def owe(connection: Connection, event: Mapping[str, Any]) -> None:
    """Owe an event to every enabled endpoint of the job's project that wants its type."""
    _OWE.run(
        connection,
        {
            "of_job": event["job_id"],
            "event_id": event["id"],
            "seq": event["seq"],
            "type": event["type"],
            "data": event["data"],
        },
    )


def owe_test(connection: Connection, *, webhook_id: str) -> Delivery:
    """Owe an endpoint an event that says only that it reached."""
    row = connection.execute(
        insert(webhook_deliveries)
        .values(
            webhook_id=webhook_id,
            event_id=new_id("evt"),
            seq=0,
            type=TEST_TYPE,
            at=now(),
            data=encode({"message": "This event was asked for to see whether it arrives."}),
            status="pending",
            attempts=0,
            due_at=now(),
        )
        .returning(*webhook_deliveries.c)
    ).one()
    return delivery_of(row)


def is_any_due(connection: Connection) -> bool:
    """Whether there is something to take."""
    return connection.execute(_DUE, {"most": 1}).first() is not None


def take(connection: Connection, *, limit: int) -> list[Delivery]:
    """Take up to `limit` deliveries that are due, the next of each job for each endpoint. They are the caller's for a
    minute.
    """
    keys = connection.execute(_DUE, {"most": limit}).all()
    taken: list[Delivery] = []
    for key in keys:
        row = connection.execute(_TAKE, {"of_webhook": key.webhook_id, "of_event": key.event_id}).one_or_none()
        if row is not None:
            taken.append(delivery_of(row))
    return taken


def delivered(connection: Connection, delivery: Delivery, *, response_status: int) -> None:
    """Note that the endpoint has taken it."""
    _settle(connection, delivery, status="delivered", response_status=response_status, error=None)


def refused(
    connection: Connection,
    delivery: Delivery,
    *,
    response_status: int | None,
    error: str,
    schedule_seconds: Sequence[float],
    retry_after_seconds: float = 0.0,
) -> bool:
    """Note that it did not arrive, and when to try again; False where the schedule is used up and it has failed.

    The delay has a tenth of jitter, and is at least what the endpoint asked for.
    """
    attempt = delivery.attempts
    if attempt > len(schedule_seconds):
        _settle(connection, delivery, status="failed", response_status=response_status, error=error)
        return False
    delay = schedule_seconds[attempt - 1] * _spread.uniform(1.0, 1.1)
    delay = min(max(delay, retry_after_seconds), _LONGEST_DELAY_SECONDS)
    connection.execute(
        update(webhook_deliveries)
        .where(_is(delivery))
        .values(due_at=now() + delay, response_status=response_status, error=error[:500])
    )
    return True


def give_up(connection: Connection, *, webhook_id: str, error: str) -> None:
    """Fail all that an endpoint is still owed: it has been disabled."""
    connection.execute(
        update(webhook_deliveries)
        .where(webhook_deliveries.c.webhook_id == webhook_id, webhook_deliveries.c.status == "pending")
        .values(status="failed", error=error)
    )


def _settle(
    connection: Connection, delivery: Delivery, *, status: Status, response_status: int | None, error: str | None
) -> None:
    connection.execute(
        update(webhook_deliveries)
        .where(_is(delivery), webhook_deliveries.c.status == "pending")
        .values(
            status=status, due_at=now(), response_status=response_status, error=None if error is None else error[:500]
        )
    )


def _is(delivery: Delivery) -> Any:
    return and_(
        webhook_deliveries.c.webhook_id == delivery.webhook_id, webhook_deliveries.c.event_id == delivery.event_id
    )


def delivery_of(row: Row[Any]) -> Delivery:
    """The record of a row."""
    return Delivery(**{**row._asdict(), "data": decode(row.data)})


def _owed() -> Select[Any]:
    """The rows of one event: an endpoint each. The parameters are those of `owe`."""
    return (
        select(
            webhooks.c.id,
            bindparam("event_id", type_=String),
            jobs.c.id,
            jobs.c.name,
            bindparam("seq", type_=Integer),
            bindparam("type", type_=String),
            now(),
            bindparam("data", type_=Text),
            literal("pending"),
            literal(0),
            now(),
        )
        .select_from(webhooks)
        .join(webhook_events, webhook_events.c.webhook_id == webhooks.c.id)
        .join(jobs, jobs.c.project == webhooks.c.project)
        .where(
            jobs.c.id == bindparam("of_job"),
            webhooks.c.is_enabled,
            or_(webhook_events.c.type == bindparam("type", type_=String), webhook_events.c.type == ALL),
        )
    )


_OWE = Prepared(
    insert(webhook_deliveries).from_select(
        ["webhook_id", "event_id", "job_id", "job_name", "seq", "type", "at", "data", "status", "attempts", "due_at"],
        _owed(),
    )
)
_EARLIER = webhook_deliveries.alias("earlier")
_DUE = (
    select(webhook_deliveries.c.webhook_id, webhook_deliveries.c.event_id)
    .where(
        webhook_deliveries.c.status == "pending",
        webhook_deliveries.c.due_at <= now(),
        ~exists().where(
            _EARLIER.c.webhook_id == webhook_deliveries.c.webhook_id,
            _EARLIER.c.job_id == webhook_deliveries.c.job_id,
            _EARLIER.c.seq < webhook_deliveries.c.seq,
            _EARLIER.c.status == "pending",
        ),
    )
    .order_by(webhook_deliveries.c.due_at)
    .limit(bindparam("most"))
)
_TAKE = (
    update(webhook_deliveries)
    .where(
        webhook_deliveries.c.webhook_id == bindparam("of_webhook"),
        webhook_deliveries.c.event_id == bindparam("of_event"),
        webhook_deliveries.c.status == "pending",
        webhook_deliveries.c.due_at <= now(),
    )
    .values(attempts=webhook_deliveries.c.attempts + 1, due_at=now() + _TAKEN_SECONDS, sent_at=now())
    .returning(*webhook_deliveries.c)
)
