"""Webhooks: endpoints that hear of a project's events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from json import dumps
from typing import Any

from ._pagination import listing
from ._transport import Transport
from ._webhook_records import Delivery, Webhook


class Webhooks:
    """`client.webhooks`; needs a key of scope webhooks:read, and webhooks:write to change anything."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        url: str,
        *,
        events: Sequence[str] = ("*",),
        format: str = "standard",  # noqa: A002  the service's own word
        description: str = "",
    ) -> Webhook:
        """Make an endpoint that hears of these types of events. Its secret is in `secret` of this answer alone.

        Raises Unprocessable for a URL that is not public and for a type of event that does not exist.
        """
        body = {"url": url, "events": list(events), "format": format, "description": description}
        return Webhook.parse(self._transport.post("/v1/webhooks", body=body))

    def get(self, webhook_id: str) -> Webhook:
        """The endpoint with this id. Raises NotFound."""
        return Webhook.parse(self._transport.get(f"/v1/webhooks/{webhook_id}"))

    def list(self) -> Iterator[Webhook]:
        """The endpoints of the project, newest first."""
        return (Webhook.parse(document) for document in listing(self._transport, "/v1/webhooks"))

    def update(self, webhook_id: str, **changes: Any) -> Webhook:
        """Change `url`, `events`, `format`, `description` or `enabled`. Raises Unprocessable for anything else."""
        response = self._transport.request(
            "PATCH",
            f"/v1/webhooks/{webhook_id}",
            content=dumps(changes, allow_nan=False).encode(),
            headers={"Content-Type": "application/json"},
        )
        return Webhook.parse(self._transport.json(response))

    def delete(self, webhook_id: str) -> None:
        """Delete an endpoint and what it is still owed. Raises NotFound."""
        self._transport.request("DELETE", f"/v1/webhooks/{webhook_id}")

    def rotate(self, webhook_id: str) -> Webhook:
        """Give it a new secret, in `secret` of this answer alone; the old one verifies for another day."""
        # A repetition would make the secret of the first answer, which may have arrived, the old one.
        return Webhook.parse(self._transport.post(f"/v1/webhooks/{webhook_id}/rotate", may_repeat=False))

    def test(self, webhook_id: str) -> Delivery:
        """Send it an event of the type `webhook.test`."""
        return Delivery.parse(self._transport.post(f"/v1/webhooks/{webhook_id}/test", may_repeat=False))

    def deliveries(self, webhook_id: str, *, limit: int | None = None) -> Iterator[Delivery]:
        """What it was sent or is owed, newest first."""
        path = f"/v1/webhooks/{webhook_id}/deliveries"
        return (Delivery.parse(document) for document in listing(self._transport, path, limit=limit))

    def redeliver(self, webhook_id: str, event_id: str) -> Delivery:
        """Send an event once more. Raises Conflict while it is on its way."""
        path = f"/v1/webhooks/{webhook_id}/deliveries/{event_id}/redeliver"
        return Delivery.parse(self._transport.post(path, may_repeat=False))
