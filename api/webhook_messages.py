"""What is sent to a webhook: the event as Standard Webhooks or CloudEvents would have it, and its signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Final

import orjson

from models.clock import rfc3339
from models.deliveries import Delivery
from models.webhooks import Webhook

_SOURCE: Final = "/v1/jobs"
_TYPE_PREFIX: Final = "io.trainyard."


def message(webhook: Webhook, delivery: Delivery, *, now: float) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of one attempt; `now` is the attempt's time in seconds since the epoch.

    The id is the event's and stays the same at every attempt; receivers tell repetitions by it.
    """
    document, kind = _FORMATS[webhook.format](delivery)
    body = orjson.dumps(document)
    timestamp = str(int(now))
    return body, {
        "Content-Type": kind,
        "User-Agent": "trainyard-webhooks",
        "webhook-id": delivery.event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(webhook.secrets, identifier=delivery.event_id, timestamp=timestamp, body=body),
    }


def signature(secrets: Sequence[str], *, identifier: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 of `id.timestamp.body` by each secret: `v1,…` with spaces between (Standard Webhooks 1.0)."""
    signed = b".".join([identifier.encode(), timestamp.encode(), body])
    digests = [hmac.digest(base64.b64decode(text.removeprefix("whsec_")), signed, hashlib.sha256) for text in secrets]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def _standard(delivery: Delivery) -> tuple[dict[str, Any], str]:
    return (
        {"type": delivery.type, "timestamp": rfc3339(delivery.at), "data": _data(delivery)},
        "application/json",
    )


def _cloud_event(delivery: Delivery) -> tuple[dict[str, Any], str]:
    """A structured CloudEvent 1.0.2."""
    event = {
        "specversion": "1.0",
        "id": delivery.event_id,
        "source": _SOURCE,
        "type": _TYPE_PREFIX + delivery.type,
        "time": rfc3339(delivery.at),
        "datacontenttype": "application/json",
        "data": _data(delivery),
    }
    if delivery.job_id is not None:
        event["subject"] = delivery.job_id
    return event, "application/cloudevents+json"


def _data(delivery: Delivery) -> dict[str, Any]:
    if delivery.job_id is None:
        return delivery.data
    return {"job_id": delivery.job_id, "job_name": delivery.job_name, "seq": delivery.seq, **delivery.data}


_FORMATS: Final = {"standard": _standard, "cloudevents": _cloud_event}
