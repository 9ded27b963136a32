"""What webhooks were sent: looked through, sent once more, forgotten in the end."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, delete, select, update

from models.clock import now
from models.deliveries import Delivery, Status, delivery_of
from models.errors import Conflict, NotFound
from models.pages import PageRequest
from models.tables import webhook_deliveries

_KEPT_SECONDS: Final = 7 * 86400.0


def listing(
    connection: Connection, *, webhook_id: str, status: Status | None = None, page: PageRequest
) -> list[Delivery]:
    """An endpoint's deliveries, newest event first, up to one more than the page holds."""
    statement = select(webhook_deliveries).where(webhook_deliveries.c.webhook_id == webhook_id)
    if status is not None:
        statement = statement.where(webhook_deliveries.c.status == status)
    if page.before is not None:
        statement = statement.where(webhook_deliveries.c.event_id < page.before)
    rows = connection.execute(statement.order_by(webhook_deliveries.c.event_id.desc()).limit(page.limit + 1))
    return [delivery_of(row) for row in rows]


def redeliver(connection: Connection, *, webhook_id: str, event_id: str) -> Delivery:
    """Send an event once more, from the start of the schedule. Raises NotFound, and Conflict where it is still on its
    way.
    """
    row = connection.execute(
        update(webhook_deliveries)
        .where(
            webhook_deliveries.c.webhook_id == webhook_id,
            webhook_deliveries.c.event_id == event_id,
            webhook_deliveries.c.status != "pending",
        )
        .values(status="pending", attempts=0, due_at=now(), error=None, response_status=None)
        .returning(*webhook_deliveries.c)
    ).one_or_none()
    if row is not None:
        return delivery_of(row)
    if connection.execute(_ONE, {"of_webhook": webhook_id, "of_event": event_id}).first() is None:
        raise NotFound(f"There is no delivery of {event_id}.")
    raise Conflict("This delivery is still on its way.", code="delivery_pending")


def forget(connection: Connection) -> None:
    """Forget deliveries that were settled more than a week ago."""
    connection.execute(
        delete(webhook_deliveries).where(
            webhook_deliveries.c.status != "pending", webhook_deliveries.c.due_at < now() - _KEPT_SECONDS
        )
    )


_ONE = select(webhook_deliveries.c.event_id).where(
    webhook_deliveries.c.webhook_id == bindparam("of_webhook"), webhook_deliveries.c.event_id == bindparam("of_event")
)
