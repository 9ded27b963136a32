"""What is swept: silent workers, lost doorbells, interrupted profiles, old idempotency keys and questions, the use of
keys, what webhooks are owed.
"""

from __future__ import annotations

import logging
from typing import Final

from api.background import Sweep
from api.service import Service
from models import audit, doorbells, dry_runs, idempotency, orphans, predictions
from models.reaper import Reaper

_logger = logging.getLogger("trainyard.background")
_PROFILES_SECONDS: Final = 10.0
_FORGET_SECONDS: Final = 3600.0
_KEY_USAGE_SECONDS: Final = 30.0
_ORPHANS_SECONDS: Final = 3600.0
_WEBHOOKS_SECONDS: Final = 1.0
_MOST_RINGS: Final = 64


def sweeps(service: Service) -> list[Sweep]:
    """Every sweep of this version."""
    settings, database = service.settings, service.database
    reaper = Reaper(database, lease_seconds=settings.lease_seconds, every_seconds=settings.reaper_seconds)

    def reap() -> None:
        for job_id, status in reaper.sweep():
            service.repairs.note("reaped")
            _logger.warning("job %s lost its worker and is %s now", job_id, status)

    def ring() -> None:
        with database.reading() as connection:
            owed = doorbells.overdue(connection, older_than_seconds=settings.doorbell_seconds)
        for pool, num_jobs in owed.items():
            num_rings = min(num_jobs, _MOST_RINGS)
            service.repairs.note("doorbell", num_rings)
            for _ in range(num_rings):
                service.doorbell.ring(pool)

    def forget() -> None:
        with database.unit_of_work() as connection:
            idempotency.expire(connection)
            audit.forget(connection, days=settings.audit_days)

    def tidy() -> None:
        repairs = orphans.sweep(database, service.artifacts)
        service.repairs.note("orphan", len(repairs.deleted))
        service.repairs.note("damaged", len(repairs.damaged))
        for key in repairs.deleted:
            _logger.warning("deleted %s, which belonged to nobody", key)
        for location in repairs.damaged:
            _logger.error("the checkpoint %s is gone", location)

    def forget_questions() -> None:
        with database.unit_of_work() as connection:
            predictions.expire(connection)
            dry_runs.expire(connection)

    return [
        Sweep("reaper", settings.reaper_seconds, reap),
        Sweep("doorbell", settings.doorbell_seconds, ring),
        Sweep("profiles", _PROFILES_SECONDS, service.profiler.recover),
        Sweep("idempotency", _FORGET_SECONDS, forget),
        Sweep("predictions", predictions.KEPT_SECONDS, forget_questions),
        Sweep("keys", _KEY_USAGE_SECONDS, service.key_usage.write),
        Sweep("orphans", _ORPHANS_SECONDS, tidy),
        Sweep("webhooks", _WEBHOOKS_SECONDS, service.webhooks.sweep),
        Sweep("deliveries", _FORGET_SECONDS, service.webhooks.forget),
    ]
