"""How long a trainer may take for what."""

from __future__ import annotations

from dataclasses import dataclass

from models.leases import Claim
from models.settings import Settings
from worker.assignment import max_runtime_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a trainer may take for what."""

    heartbeat_seconds: float
    watchdog_seconds: float
    stop_grace_seconds: float
    offline_seconds: float
    max_runtime_seconds: float | None = None


def limits_of(claim: Claim, settings: Settings) -> Limits:
    """The limits of one attempt."""
    return Limits(
        heartbeat_seconds=settings.heartbeat_seconds,
        watchdog_seconds=settings.watchdog_seconds,
        stop_grace_seconds=settings.stop_grace_seconds,
        offline_seconds=settings.offline_seconds,
        max_runtime_seconds=max_runtime_seconds(claim),
    )
