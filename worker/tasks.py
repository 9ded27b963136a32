"""The one Celery task: a doorbell. It has no arguments, so a forged, doubled or stale message can choose nothing."""

from __future__ import annotations

from worker import service
from worker.app import app


@app.task(name="trainyard.train")  # type: ignore[untyped-decorator]  # Celery has no types
def train() -> None:
    """Claim the next job of this worker's pool and supervise it, again and again until nothing is claimable."""
    service.current().answer_doorbell()
