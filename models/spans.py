"""Spans: what took how long in which trace, sent to an OpenTelemetry collector if there is one.

`open_tracer` answers a tracer that exports in the background where the settings or OpenTelemetry's own variables name a
collector, and one that does nothing where not; only the former imports OpenTelemetry (the extra `otel`). Neither waits
for a collector nor fails because of one: what it does not take in time is dropped.

Names are few, attributes are ids and figures. Nothing that a client wrote gets into a span: no spec, row, path, query.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

from models import tracing
from models.settings import Settings
from models.tracing import Trace

Kind = Literal["internal", "server", "consumer"]
Value = str | int | float | bool

log = logging.getLogger("trainyard.spans")

#: OpenTelemetry's own names for the address of a collector.
_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
#: An export that takes longer has failed; the next batch is tried anew.
_EXPORT_SECONDS: Final = 5.0
#: What is left when a process stops may take so long.
_CLOSE_SECONDS: Final = 2.0
_NANO: Final = 1_000_000_000


class Span(Protocol):
    """Something that takes time. It is sent when it has ended."""

    trace: Trace

    def note(self, attributes: Mapping[str, Value | None]) -> None:
        """Add attributes by their full names; those that are None are left out."""

    def end(self, *, name: str | None = None, at: float | None = None, error: str | None = None) -> None:
        """It is over, now or `at` that time. `error` is a code, never a message: messages quote data."""


class Tracer(Protocol):
    """Makes spans."""

    is_on: bool

    def span(self, name: str, *, parent: Trace | None, kind: Kind = "internal", at: float | None = None) -> Span:
        """Begin a span, now or `at` that time, in seconds since the epoch."""

    def close(self) -> None:
        """Send what is left, in bounded time."""


class _SilentSpan:
    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def note(self, attributes: Mapping[str, Value | None]) -> None:
        """Nobody listens."""

    def end(self, *, name: str | None = None, at: float | None = None, error: str | None = None) -> None:
        """Nobody listens."""


class Silent:
    """A tracer that passes traces on and makes no spans of its own."""

    is_on = False

    def span(self, name: str, *, parent: Trace | None, kind: Kind = "internal", at: float | None = None) -> Span:  # noqa: ARG002
        """A span that stands for its parent."""
        return _SilentSpan(parent or tracing.fresh())

    def close(self) -> None:
        """There is nothing to send."""


#: Where nobody has asked for spans.
SILENT: Final = Silent()


class _ExportedSpan:
    def __init__(self, span: Any) -> None:
        self._span = span
        context = span.get_span_context()
        self.trace = Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", bool(context.trace_flags.sampled))

    def note(self, attributes: Mapping[str, Value | None]) -> None:
        self._span.set_attributes({name: value for name, value in attributes.items() if value is not None})

    def end(self, *, name: str | None = None, at: float | None = None, error: str | None = None) -> None:
        from opentelemetry.trace import StatusCode

        if name is not None:
            self._span.update_name(name)
        if error is not None:
            self._span.set_attribute("error.type", error)
            self._span.set_status(StatusCode.ERROR)
        self._span.end(None if at is None else int(at * _NANO))


class Exporting:
    """A tracer that sends spans to a collector by OTLP over HTTP, from a thread of its own. Raises ImportError."""

    is_on = True

    def __init__(self, *, endpoint: str | None, service: str, version: str) -> None:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        named = Resource({"service.name": service, "service.version": version}).merge(OTELResourceDetector().detect())
        self._api = trace
        self._provider = TracerProvider(resource=named, shutdown_on_exit=False)
        address = None if endpoint is None else f"{endpoint.rstrip('/')}/v1/traces"
        exporter = OTLPSpanExporter(endpoint=address, timeout=_EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("trainyard", version)

    def span(self, name: str, *, parent: Trace | None, kind: Kind = "internal", at: float | None = None) -> Span:
        """See `Tracer.span`. One whose parent is not sampled is not sent either."""
        begun = self._tracer.start_span(
            name,
            context=self._context(parent),
            kind=self._api.SpanKind[kind.upper()],
            start_time=int((time.time() if at is None else at) * _NANO),
        )
        return _ExportedSpan(begun)

    def close(self) -> None:
        """See `Tracer.close`; a collector that is away holds nobody up."""
        closing = threading.Thread(target=self._provider.shutdown, name="spans", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)

    def _context(self, parent: Trace | None) -> Any:
        from opentelemetry.context import Context

        if parent is None:
            return Context()
        flags = self._api.TraceFlags(self._api.TraceFlags.SAMPLED if parent.is_sampled else 0)
        trace_id, span_id = int(parent.trace_id, 16), int(parent.span_id, 16)
        there = self._api.SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
        return self._api.set_span_in_context(self._api.NonRecordingSpan(there), Context())


def open_tracer(settings: Settings, *, part: str, version: str, environment: Mapping[str, str] = os.environ) -> Tracer:
    """The tracer that settings and environment ask for. One that cannot be had is a warning and no more."""
    if settings.otlp_endpoint is None and not any(environment.get(name) for name in _VARIABLES):
        return SILENT
    try:
        return Exporting(endpoint=settings.otlp_endpoint, service=f"trainyard-{part}", version=version)
    except ImportError:
        log.warning("no traces: OpenTelemetry is not installed; pip install 'trainyard-service[otel]'")
    except Exception:  # a variable of OpenTelemetry's that it cannot read must not keep the service from starting
        log.exception("no traces: OpenTelemetry cannot be set up")
    return SILENT
