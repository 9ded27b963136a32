"""Webhooks: endpoints that hear of a project's events, and what was sent to them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import outbound, schemas
from api.answers import answers, body
from api.auditing import ChangeDep
from api.authentication import WebhooksRead, WebhooksWrite
from api.bodies import JsonBody, validated
from api.conditional import Representation, strong_etag
from api.idempotency import Created, CreationDep
from api.pagination import PagingDep
from api.replies import json_bytes, json_response
from api.service import Service, ServiceDep
from models import deliveries, delivery_log, webhooks
from models.deliveries import Delivery
from models.errors import FieldError, Unprocessable
from models.webhooks import Webhook

router = APIRouter(tags=["webhooks"])

_EXAMPLE = {"url": "https://example.com/hooks/training", "events": ["job.succeeded", "job.failed"]}


@router.post(
    "/v1/webhooks",
    status_code=201,
    responses=answers(schemas.NewWebhook, 409, 413, 415, status=201),
    openapi_extra=body("WebhookRequest", example=_EXAMPLE),
)
def create_webhook(
    service: ServiceDep, principal: WebhooksWrite, document: JsonBody, creation: CreationDep
) -> Response:
    """Make an endpoint. Its secret is in this answer and nowhere else; a replay by `Idempotency-Key` shows it again."""
    if (replayed := creation.replay()) is not None:
        return replayed
    wanted = validated(schemas.WebhookRequest, document)
    _check(service, wanted.url)

    def make(connection: Any) -> Created:
        made = webhooks.create(
            connection,
            project=principal.project,
            url=wanted.url,
            events=wanted.events,
            format=wanted.format,
            description=wanted.description,
        )
        content = json_bytes(_with_secret(made))
        return Created(Representation(content, strong_etag(content)), location=f"/v1/webhooks/{made.id}")

    return creation.run(make)


@router.get("/v1/webhooks", responses=answers(schemas.WebhookPage))
def list_webhooks(service: ServiceDep, principal: WebhooksRead, paging: PagingDep) -> Response:
    """The endpoints of the project, newest first, without their secrets."""
    wanted = paging.wanted({})
    with service.database.reading() as connection:
        found = webhooks.listing(connection, project=principal.project, page=wanted)
    return paging.response(found, filters={}, key=lambda webhook: webhook.id, document=Webhook.document)


@router.get("/v1/webhooks/{webhook_id}", responses=answers(schemas.Webhook, 404))
def get_webhook(webhook_id: str, service: ServiceDep, principal: WebhooksRead) -> Response:
    """One endpoint."""
    with service.database.reading() as connection:
        found = webhooks.get(connection, project=principal.project, webhook_id=webhook_id)
    return json_response(found.document())


@router.patch(
    "/v1/webhooks/{webhook_id}",
    responses=answers(schemas.Webhook, 404, 413, 415),
    openapi_extra=body("WebhookChanges", example={"enabled": True}),
)
def update_webhook(
    webhook_id: str, service: ServiceDep, change: ChangeDep, principal: WebhooksWrite, document: JsonBody
) -> Response:
    """Change an endpoint, or enable it again."""
    changes = validated(schemas.WebhookChanges, document).model_dump(exclude_none=True)
    if "url" in changes:
        _check(service, changes["url"])
    with change.transaction() as connection:
        changed = webhooks.change(connection, project=principal.project, webhook_id=webhook_id, changes=changes)
    return json_response(changed.document())


@router.delete("/v1/webhooks/{webhook_id}", status_code=204, responses=answers(None, 404, status=204))
def delete_webhook(webhook_id: str, change: ChangeDep, principal: WebhooksWrite) -> Response:
    """Delete an endpoint, and what it is still owed."""
    with change.transaction() as connection:
        webhooks.remove(connection, project=principal.project, webhook_id=webhook_id)
    return Response(status_code=204)


@router.post("/v1/webhooks/{webhook_id}/rotate", responses=answers(schemas.NewWebhook, 404))
def rotate_webhook_secret(webhook_id: str, change: ChangeDep, principal: WebhooksWrite) -> Response:
    """Give it a new secret, shown once. For a day every message carries the signature of the old one as well."""
    with change.transaction() as connection:
        rotated = webhooks.rotate(connection, project=principal.project, webhook_id=webhook_id)
    return json_response(_with_secret(rotated))


@router.post("/v1/webhooks/{webhook_id}/test", status_code=202, responses=answers(schemas.Delivery, 404, status=202))
def send_test_event(webhook_id: str, change: ChangeDep, principal: WebhooksWrite) -> Response:
    """Send it an event of the type `webhook.test`; how it went is among its deliveries."""
    with change.transaction() as connection:
        found = webhooks.get(connection, project=principal.project, webhook_id=webhook_id)
        owed = deliveries.owe_test(connection, webhook_id=found.id)
    return json_response(owed.document(), status=202)


@router.get("/v1/webhooks/{webhook_id}/deliveries", responses=answers(schemas.DeliveryPage, 404))
def list_deliveries(
    webhook_id: str,
    service: ServiceDep,
    principal: WebhooksRead,
    paging: PagingDep,
    status: Annotated[
        Literal["pending", "delivered", "failed"] | None, Query(description="Deliveries that stand so.")
    ] = None,
) -> Response:
    """What it was sent or is owed, newest event first. Settled deliveries are kept for a week."""
    filters = {"status": status}
    wanted = paging.wanted(filters)
    with service.database.reading() as connection:
        webhooks.get(connection, project=principal.project, webhook_id=webhook_id)
        found = delivery_log.listing(connection, webhook_id=webhook_id, status=status, page=wanted)
    return paging.response(found, filters=filters, key=lambda delivery: delivery.event_id, document=Delivery.document)


@router.post(
    "/v1/webhooks/{webhook_id}/deliveries/{event_id}/redeliver",
    status_code=202,
    responses=answers(schemas.Delivery, 404, 409, status=202),
)
def redeliver_event(webhook_id: str, event_id: str, change: ChangeDep, principal: WebhooksWrite) -> Response:
    """Send an event once more, with its own id and a new timestamp."""
    with change.transaction() as connection:
        webhooks.get(connection, project=principal.project, webhook_id=webhook_id)
        again = delivery_log.redeliver(connection, webhook_id=webhook_id, event_id=event_id)
    return json_response(again.document(), status=202)


def _check(service: Service, url: str) -> None:
    """Raise Unprocessable for a URL that events would never be sent to."""
    try:
        outbound.check_url(url, allowed=service.settings.webhook_networks)
    except outbound.Refused as refused:
        raise Unprocessable(
            f"#/url {refused}", code="invalid_body", errors=[FieldError("#/url", str(refused))]
        ) from refused


def _with_secret(webhook: Webhook) -> dict[str, Any]:
    return {**webhook.document(), "secret": webhook.secrets[0]}
