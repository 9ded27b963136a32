"""Webhooks: where a project wants to hear of its jobs' events.

Secrets are those of Standard Webhooks (`whsec_` and 32 random bytes in base64). They are kept as they are, because a
signature needs them, and shown when they are made and never again. After a rotation the old one signs along for a day.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from models import deliveries
from models.clock import now, rfc3339
from models.errors import Conflict, NotFound
from models.identifiers import created_at, new_id
from models.pages import PageRequest
from models.tables import webhook_events, webhooks

Format = Literal["standard", "cloudevents"]
DisabledReason = Literal["asked", "gone", "failing"]

MOST_WEBHOOKS: Final = 100
_PREVIOUS_SECONDS: Final = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An endpoint, with the secrets in force, the newest first."""

    id: str
    project: str
    url: str
    description: str
    format: Format
    events: tuple[str, ...]
    is_enabled: bool
    disabled_reason: DisabledReason | None
    secrets: tuple[str, ...]
    created_at: float
    updated_at: float

    def document(self) -> dict[str, Any]:
        """The endpoint as the API shows it, without its secrets."""
        return {
            "id": self.id,
            "project": self.project,
            "url": self.url,
            "description": self.description,
            "format": self.format,
            "events": list(self.events),
            "enabled": self.is_enabled,
            "disabled_reason": self.disabled_reason,
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.updated_at),
        }


def create(
    connection: Connection,
    *,
    project: str,
    url: str,
    events: Sequence[str],
    format: Format = "standard",  # noqa: A002 - the word clients use
    description: str = "",
) -> Webhook:
    """Make an endpoint. Raises Conflict where the project has too many."""
    if len(connection.execute(_IDS, {"project": project}).all()) >= MOST_WEBHOOKS:
        raise Conflict(f"A project has at most {MOST_WEBHOOKS} webhooks.", code="too_many_webhooks")
    identifier = new_id("wh")
    moment = created_at(identifier)
    connection.execute(
        insert(webhooks).values(
            id=identifier,
            project=project,
            url=url,
            description=description,
            format=format,
            is_enabled=True,
            secret=_new_secret(),
            created_at=moment,
            updated_at=moment,
        )
    )
    _want(connection, identifier, events)
    return get(connection, project=project, webhook_id=identifier)


def get(connection: Connection, *, project: str, webhook_id: str) -> Webhook:
    """An endpoint of the project. Raises NotFound."""
    row = connection.execute(_GET, {"project": project, "of_id": webhook_id}).one_or_none()
    if row is None:
        raise NotFound(f"There is no webhook {webhook_id}.")
    return _webhook(row, _wanted(connection, [row.id])[row.id])


def listing(connection: Connection, *, project: str, page: PageRequest) -> list[Webhook]:
    """The endpoints of the project, newest first, up to one more than the page holds."""
    statement = select(webhooks, _PREVIOUS_IS_LIVE).where(webhooks.c.project == project)
    if page.before is not None:
        statement = statement.where(webhooks.c.id < page.before)
    rows = connection.execute(statement.order_by(webhooks.c.id.desc()).limit(page.limit + 1)).all()
    wanted = _wanted(connection, [row.id for row in rows])
    return [_webhook(row, wanted[row.id]) for row in rows]


def change(connection: Connection, *, project: str, webhook_id: str, changes: Mapping[str, Any]) -> Webhook:
    """Change url, description, format, events or whether it is enabled. Raises NotFound.

    What a disabled endpoint is still owed fails; enabling it again owes it what happens from then on.
    """
    known = get(connection, project=project, webhook_id=webhook_id)
    values = {name: changes[name] for name in ("url", "description", "format") if name in changes}
    if "enabled" in changes and changes["enabled"] != known.is_enabled:
        values |= {"is_enabled": changes["enabled"], "disabled_reason": None if changes["enabled"] else "asked"}
    if "events" in changes:
        connection.execute(delete(webhook_events).where(webhook_events.c.webhook_id == webhook_id))
        _want(connection, webhook_id, changes["events"])
    connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(**values, updated_at=now()))
    if values.get("is_enabled") is False:
        deliveries.give_up(connection, webhook_id=webhook_id, error="the webhook was disabled")
    return get(connection, project=project, webhook_id=webhook_id)


def rotate(connection: Connection, *, project: str, webhook_id: str) -> Webhook:
    """Give it a new secret; the old one signs along for a day. Raises NotFound."""
    get(connection, project=project, webhook_id=webhook_id)
    connection.execute(
        update(webhooks)
        .where(webhooks.c.id == webhook_id)
        .values(
            previous_secret=webhooks.c.secret,
            previous_until=now() + _PREVIOUS_SECONDS,
            secret=_new_secret(),
            updated_at=now(),
        )
    )
    return get(connection, project=project, webhook_id=webhook_id)


def remove(connection: Connection, *, project: str, webhook_id: str) -> None:
    """Delete an endpoint with its deliveries. Raises NotFound."""
    get(connection, project=project, webhook_id=webhook_id)
    connection.execute(delete(webhooks).where(webhooks.c.id == webhook_id))


def by_ids(connection: Connection, identifiers: Sequence[str]) -> dict[str, Webhook]:
    """Endpoints of any project by their ids, for whoever sends."""
    rows = connection.execute(
        select(webhooks, _PREVIOUS_IS_LIVE).where(webhooks.c.id.in_(identifiers), webhooks.c.is_enabled)
    ).all()
    wanted = _wanted(connection, [row.id for row in rows])
    return {row.id: _webhook(row, wanted[row.id]) for row in rows}


def disable(connection: Connection, *, webhook_id: str, reason: DisabledReason, error: str) -> None:
    """Send nothing more to an endpoint that is gone or keeps failing; what it is owed fails."""
    connection.execute(
        update(webhooks)
        .where(webhooks.c.id == webhook_id)
        .values(is_enabled=False, disabled_reason=reason, updated_at=now())
    )
    deliveries.give_up(connection, webhook_id=webhook_id, error=error)


def _want(connection: Connection, webhook_id: str, events: Sequence[str]) -> None:
    for wanted in dict.fromkeys([deliveries.ALL] if deliveries.ALL in events else events):
        connection.execute(insert(webhook_events).values(webhook_id=webhook_id, type=wanted))


def _wanted(connection: Connection, identifiers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    rows = connection.execute(select(webhook_events).where(webhook_events.c.webhook_id.in_(identifiers))).all()
    return {
        identifier: tuple(sorted(row.type for row in rows if row.webhook_id == identifier))
        for identifier in identifiers
    }


def _webhook(row: Row[Any], events: tuple[str, ...]) -> Webhook:
    return Webhook(
        id=row.id,
        project=row.project,
        url=row.url,
        description=row.description,
        format=row.format,
        events=events,
        is_enabled=row.is_enabled,
        disabled_reason=row.disabled_reason,
        secrets=(row.secret, row.previous_secret) if row.previous_is_live else (row.secret,),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


_PREVIOUS_IS_LIVE = (webhooks.c.previous_until > now()).label("previous_is_live")
_IDS = select(webhooks.c.id).where(webhooks.c.project == bindparam("project"))
_GET = select(webhooks, _PREVIOUS_IS_LIVE).where(
    webhooks.c.id == bindparam("of_id"), webhooks.c.project == bindparam("project")
)
