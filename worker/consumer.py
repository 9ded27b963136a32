"""Celery's consumer, but it looks for a lost broker every second instead of up to every thirty."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from celery.worker.consumer import Consumer

RETRY_SECONDS: Final = 1.0


class EagerConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Hears doorbells again within a second or two of the broker's return, however long it was away."""

    def ensure_connected(self, conn: Any) -> Any:
        """See Celery, whose pause between two tries grows by two seconds each time and cannot be set."""
        pauses = {"interval_start": RETRY_SECONDS, "interval_step": 0.0, "interval_max": RETRY_SECONDS}
        conn.ensure_connection = partial(conn.ensure_connection, **pauses)
        return super().ensure_connected(conn)
