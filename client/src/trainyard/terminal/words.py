"""Numbers, times and statuses as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Final

from trainyard._records import Queue

_COLOURS: Final = {
    "queued": "yellow",
    "running": "cyan",
    "pausing": "yellow",
    "paused": "yellow",
    "cancelling": "yellow",
    "succeeded": "green",
    "ready": "green",
    "failed": "red",
    "invalid": "red",
    "cancelled": "magenta",
}

_FOUR_FIGURES: Final = 1e3
_WHOLE_BELOW: Final = 1e9
_REASONS: Final = {
    "no_worker": "no worker is alive",
    "no_device": "no worker has such a device",
    "busy": "waiting for a worker",
    "quota": "the project's quota is used up",
    "paused_queue": "the queue is paused",
    "backoff": "its next attempt is not due yet",
    "starting": "about to start",
}


def status(word: str) -> str:
    """A status in its colour, as rich markup."""
    colour = _COLOURS.get(word)
    return f"[{colour}]{word}[/]" if colour else word


def waiting(queue: Queue) -> str:
    """Why a job waits."""
    reason = _REASONS.get(queue.reason or "", queue.reason or "waiting")
    ahead = f"{count(queue.ahead)} ahead, " if queue.ahead else ""
    begins = f", begins in about {duration(queue.eta_seconds)}" if queue.eta_seconds else ""
    return f"{ahead}{reason}{begins}"


def value(number: float | None) -> str:
    """A metric's value to four figures; greater ones whole."""
    if number is None:
        return "-"
    is_whole = isfinite(number) and _FOUR_FIGURES <= abs(number) < _WHOLE_BELOW
    return f"{number:,.0f}" if is_whole else f"{number:.4g}"


def values(metrics: Mapping[str, float]) -> str:
    """Several metrics on a line."""
    return " · ".join(f"{name} {value(number)}" for name, number in metrics.items())


def count(number: float | None) -> str:
    """A whole number with its thousands apart."""
    return "-" if number is None else f"{number:,.0f}"


def size(num_bytes: float | None) -> str:
    """Bytes in the unit that fits: 3.9 MB."""
    if num_bytes is None:
        return "-"
    for unit in ("B", "kB", "MB", "GB"):
        if num_bytes < 1000:
            return f"{num_bytes:.0f} {unit}" if unit == "B" else f"{num_bytes:.1f} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:.1f} TB"


def duration(seconds: float | None) -> str:
    """A stretch of time: 4.2 s, 3 min 05 s, 2 h 10 min."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def age(moment: datetime | None) -> str:
    """How long ago that was, in the largest unit that fits: 5 min."""
    if moment is None:
        return "-"
    seconds = max(0.0, (datetime.now(UTC) - moment).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"
