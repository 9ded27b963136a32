"""Identifiers: a prefix that says what it is, and a UUIDv7 (RFC 9562) that sorts by time."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Literal

from models.entropy import random_bytes

Kind = Literal["job", "ds", "ckpt", "evt", "wh", "key", "wrk", "prd", "prj", "aud", "dry"]

_lock = threading.Lock()
_last_tick = 0


def _next_tick() -> int:
    """Nanoseconds since the epoch in units of 1/4096 ms, strictly rising within this process."""
    global _last_tick
    with _lock:
        _last_tick = max(time.time_ns() * 4096 // 1_000_000, _last_tick + 1)
        return _last_tick


def new_id(kind: Kind) -> str:
    """A fresh identifier such as `job_0192f…`; later ones sort behind earlier ones of the same process."""
    milliseconds, fraction = divmod(_next_tick(), 4096)
    random = int.from_bytes(random_bytes(8)) >> 2
    value = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random
    return f"{kind}_{uuid.UUID(int=value)}"


def created_at(identifier: str) -> float:
    """The time inside an identifier, in seconds since the epoch, to a quarter of a microsecond."""
    value = uuid.UUID(identifier.split("_", 1)[1]).int
    return ((value >> 80) * 4096 + (value >> 64 & 0xFFF)) / 4096_000


def is_id(text: str, kind: Kind) -> bool:
    """Whether the text has the form of an identifier of this kind."""
    prefix, _, rest = text.partition("_")
    try:
        return prefix == kind and str(uuid.UUID(rest)) == rest
    except ValueError:
        return False
