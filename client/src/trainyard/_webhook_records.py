"""The shapes of webhooks and their deliveries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ._documents import Document


@dataclass(frozen=True, kw_only=True)
class Webhook(Document):
    """An endpoint that hears of events. `secret` is in the answer to its creation or rotation, and never again."""

    id: str = ""
    url: str = ""
    description: str = ""
    format: str = ""
    events: tuple[str, ...] = ()
    enabled: bool = True
    disabled_reason: str | None = None
    secret: str | None = field(default=None, repr=False)
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Delivery(Document):
    """One event for one endpoint. `id` is the event's, which `webhook-id` carries."""

    id: str = ""
    type: str = ""
    job_id: str | None = None
    seq: int = 0
    status: str = ""
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_attempt_at: datetime | None = None
    response_status: int | None = None
    error: str | None = None
