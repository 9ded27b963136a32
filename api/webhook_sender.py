"""Sends what webhooks are owed. Every API process runs one; a delivery is held by one of them at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from api import outbound
from api.webhook_messages import message
from models import deliveries, delivery_log, webhooks
from models.database import Database
from models.deliveries import Delivery
from models.webhooks import Webhook

_logger = logging.getLogger("trainyard.webhooks")
_AT_ONCE: Final = 16
_GONE: Final = 410


class Sender:
    """Takes deliveries that are due, posts them in parallel, and notes how each went."""

    def __init__(
        self, database: Database, *, schedule_seconds: Sequence[float], allowed: Sequence[outbound.Network]
    ) -> None:
        self._database = database
        self._schedule_seconds = schedule_seconds
        self._allowed = allowed
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhooks")
        self._closed = False

    def sweep(self) -> None:
        """Send until nothing is due."""
        while not self._closed:
            with self._database.reading() as connection:
                is_due = deliveries.is_any_due(connection)
            if not is_due:
                return
            with self._database.unit_of_work() as connection:
                taken = deliveries.take(connection, limit=_AT_ONCE)
                endpoints = webhooks.by_ids(connection, sorted({delivery.webhook_id for delivery in taken}))
            if not taken:
                return  # another process was faster
            owed = [(endpoints.get(delivery.webhook_id), delivery) for delivery in taken]
            list(self._pool.map(self._send, *zip(*owed, strict=True)))

    def close(self) -> None:
        """Take nothing more; what is on its way is finished or followed by another process."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def forget(self) -> None:
        """Drop old, settled deliveries."""
        with self._database.unit_of_work() as connection:
            delivery_log.forget(connection)

    def _send(self, endpoint: Webhook | None, delivery: Delivery) -> None:
        if endpoint is None:  # disabled or deleted since
            return
        status, error, retry_after = None, "", 0.0
        try:
            body, headers = message(endpoint, delivery, now=time.time())
            answer = outbound.post(endpoint.url, content=body, headers=headers, allowed=self._allowed)
            status, retry_after = answer.status, answer.retry_after_seconds
            error = f"answered {answer.status}"
        except (outbound.Refused, outbound.Unreachable) as failure:
            error = str(failure)
        with self._database.unit_of_work() as connection:
            if status is not None and 200 <= status < 300:
                deliveries.delivered(connection, delivery, response_status=status)
            elif status == _GONE:
                webhooks.disable(connection, webhook_id=endpoint.id, reason="gone", error="answered 410 Gone")
                _logger.warning("webhook %s answered 410 and is disabled", endpoint.id)
            elif not deliveries.refused(
                connection,
                delivery,
                response_status=status,
                error=error,
                schedule_seconds=self._schedule_seconds,
                retry_after_seconds=retry_after,
            ):
                webhooks.disable(connection, webhook_id=endpoint.id, reason="failing", error=error)
                _logger.warning("webhook %s failed for a day and is disabled: %s", endpoint.id, error)
