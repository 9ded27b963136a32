"""Webhooks and their deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from api.schemas.common import Id, Shape
from models import deliveries, events
from models.spec.job import Name

_KNOWN = (deliveries.ALL, *events.TYPES)


def _known(event: str) -> str:
    if event not in _KNOWN:
        raise ValueError(f"is no type of event; these are: {', '.join(_KNOWN)}")
    return event


EventType = Annotated[str, AfterValidator(_known)]
EventTypes = Annotated[
    list[EventType], Field(min_length=1, max_length=64, description="Types of events to hear of; `*` for all.")
]
Url = Annotated[str, Field(min_length=1, max_length=2048, description="Where events are posted: a public https URL.")]
Format = Annotated[
    Literal["standard", "cloudevents"],
    Field(description="`standard` (Standard Webhooks) or `cloudevents` (structured CloudEvents 1.0)."),
]


class WebhookRequest(Shape):
    """An endpoint to be made."""

    url: Url
    events: EventTypes = Field([deliveries.ALL])
    format: Format = "standard"
    description: Name = Field("", description="For people.")


class WebhookChanges(Shape):
    """What to change; what is left out stays."""

    url: Url | None = None
    events: EventTypes | None = None
    format: Format | None = None
    description: Name | None = Field(None, description="For people.")
    enabled: bool | None = Field(
        None, description="False fails what is still owed; true owes what happens from now on."
    )


class Webhook(Shape):
    """An endpoint, without its secret."""

    id: Id
    project: str
    url: str
    description: str
    format: Literal["standard", "cloudevents"]
    events: list[str]
    enabled: bool
    disabled_reason: Literal["asked", "gone", "failing"] | None = Field(
        description="`gone`: it answered 410; `failing`: an event could not be delivered within a day."
    )
    created_at: datetime
    updated_at: datetime


class NewWebhook(Webhook):
    """An endpoint, with its newest secret for the only time."""

    secret: str = Field(description="`whsec_…`, for verifying signatures (Standard Webhooks). It is not shown again.")


class WebhookPage(Shape):
    """Endpoints, newest first."""

    data: list[Webhook]
    next_cursor: str | None


class Delivery(Shape):
    """One event for one endpoint."""

    id: Id = Field(description="The event's id, which `webhook-id` carries at every attempt.")
    type: str
    job_id: str | None
    seq: int
    at: datetime
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    response_status: int | None
    error: str | None


class WebhookMessage(Shape):
    """What is posted to an endpoint of the format `standard`."""

    type: str = Field(examples=["job.succeeded"])
    timestamp: datetime
    data: dict[str, Any] = Field(description="`job_id`, `job_name`, `seq`, and what the event says.")


class DeliveryPage(Shape):
    """Deliveries, newest event first."""

    data: list[Delivery]
    next_cursor: str | None
