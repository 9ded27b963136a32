"""W3C trace context: which trace a request or a job belongs to, and which span it hangs under.

    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
                 version, trace, span, flags (the last bit: sampled)

Every request has one, the caller's or one of its own, also where no spans are made: it ties log lines together.
Specification: https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from models.entropy import random_bytes

#: A later version may have more fields behind these four.
_HEADER: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED: Final = 1


@dataclass(frozen=True, slots=True)
class Trace:
    """A place in a trace: 32 and 16 lower-case hexadecimal digits. Spans are exported where it `is_sampled`."""

    trace_id: str
    span_id: str
    is_sampled: bool

    @property
    def header(self) -> str:
        """The `traceparent` that says so."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"


def parse(header: str | None) -> Trace | None:
    """The trace that a `traceparent` names; None where it is missing or breaks the rules, so that a new one begins."""
    found = None if header is None else _HEADER.fullmatch(header.strip())
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return Trace(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def fresh() -> Trace:
    """A trace that nobody has begun, and that is not sampled."""
    return Trace(random_bytes(16).hex(), random_bytes(8).hex(), is_sampled=False)


def current() -> Trace | None:
    """The trace that is being worked on here; None outside of any."""
    return _current.get()


@contextmanager
def within(trace: Trace) -> Iterator[None]:
    """Work on this trace inside the block."""
    token = _current.set(trace)
    try:
        yield
    finally:
        _current.reset(token)


_current: ContextVar[Trace | None] = ContextVar("trainyard-trace", default=None)
