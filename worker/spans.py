"""The spans of one attempt, made on the supervisor's side from what its trainer says.

    the request that made the job
    ├─ queue                     from the moment it was queued
    └─ attempt                   one per attempt, so retries stand side by side in one trace
       ├─ claim                  the transaction that took it
       ├─ start                  until the trainer says its first word
       ├─ preparing_data, training, evaluating, saving
       │  ├─ epochs              of training: at least a second of them each, and few however long it takes
       │  └─ checkpoint          a save, in whichever phase
       └─ finish                 the last metrics and the ending, until they are committed

The trainer is forked from a template and exports nothing: an exporter's thread and connection would not survive the
fork, and what crashes could not tell of itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from models import tracing
from models.leases import Claim
from models.spans import Span, Tracer, Value
from models.status import Status
from worker.messages import Frame

log = logging.getLogger(__name__)

#: Epochs are told together until they have taken so long; the longer a run, the coarser.
_EPOCHS_SECONDS: Final = 1.0
_EPOCHS_UNTIL_COARSER: Final = 64


class AttemptSpans:
    """What an attempt did when. Called by the supervisor's thread alone; costs nothing where the tracer is silent."""

    def __init__(self, tracer: Tracer, claim: Claim, *, began_at: float, worker: str, device: str) -> None:
        """`began_at` is when the claim was begun; it is over now."""
        self._tracer = tracer
        parent, now = tracing.parse(claim.traceparent), time.time()
        about: dict[str, Value | None] = {
            "trainyard.job.id": claim.lease.job_id,
            "trainyard.attempt": claim.lease.attempt,
        }
        queue = tracer.span("queue", parent=parent, at=min(claim.queued_at or began_at, began_at))
        queue.note(about)
        queue.end(at=began_at)
        self._attempt = tracer.span("attempt", parent=parent, kind="consumer", at=began_at)
        self._attempt.note({**about, "trainyard.project": claim.project})
        self._attempt.note({"trainyard.worker": worker, "trainyard.device": device})
        tracer.span("claim", parent=self._attempt.trace, at=began_at).end(at=now)
        self._phase: Span | None = tracer.span("start", parent=self._attempt.trace, at=now)
        self._epochs: Span | None = None
        self._first_epoch = self._num_epochs = 0
        self._epochs_began = now
        self._patience_seconds = _EPOCHS_SECONDS

    def hear(self, frame: Frame) -> None:
        """Take in what the trainer says. What it says wrongly is for others to find out."""
        if self._tracer.is_on:
            try:
                self._hear(frame)
            except Exception:  # a span is never worth an attempt
                log.exception("no span for %s", frame.kind)

    def _hear(self, frame: Frame) -> None:
        match frame.kind:
            case "phase":
                self._enter(str(frame.fields["phase"]))
            case "progress":
                self._saw_epoch(int(frame.fields["epoch"]), step=int(frame.fields["step"]))
            case "checkpoint":
                self._saw_checkpoint(frame)
            case "resolved":
                facts = frame.fields["facts"]
                self._attempt.note({f"trainyard.{name}": facts.get(name) for name in ("parameters", "steps")})
            case "failed":
                self._attempt.note({"trainyard.reason": frame.fields["code"]})

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """The trainer has had its last word; what is left is written inside the block."""
        self._leave()
        span = self._tracer.span("finish", parent=self._attempt.trace)
        try:
            yield
        finally:
            span.end()

    def end(self, status: Status | None) -> None:
        """The attempt is over; `status` is where the job stands then, None where another attempt holds it."""
        self._leave()
        self._attempt.note({"trainyard.job.status": "superseded" if status is None else str(status)})
        self._attempt.end(error="failed" if status is Status.FAILED else None)

    def _enter(self, phase: str) -> None:
        self._leave()
        if phase:
            self._phase = self._tracer.span(phase, parent=self._attempt.trace)

    def _leave(self) -> None:
        self._end_epochs()
        if self._phase is not None:
            self._phase.end()
            self._phase = None

    def _saw_epoch(self, epoch: int, *, step: int) -> None:
        now = time.time()
        is_next = self._epochs is None or epoch < self._first_epoch
        is_long = epoch > self._first_epoch and now - self._epochs_began >= self._patience_seconds
        if is_next or is_long:
            self._end_epochs()
            self._epochs = self._tracer.span("epochs", parent=self._parent(), at=now)
            self._first_epoch, self._epochs_began = epoch, now
            self._num_epochs += 1
            if self._num_epochs % _EPOCHS_UNTIL_COARSER == 0:
                self._patience_seconds *= 2
        if self._epochs is not None:
            self._epochs.note(
                {"trainyard.epoch.first": self._first_epoch, "trainyard.epoch.last": epoch, "trainyard.step": step}
            )

    def _end_epochs(self) -> None:
        if self._epochs is not None:
            self._epochs.end()
            self._epochs = None

    def _saw_checkpoint(self, frame: Frame) -> None:
        now = time.time()
        saved = self._tracer.span("checkpoint", parent=self._parent(), at=now - float(frame.fields.get("seconds", 0.0)))
        num_bytes = sum(int(file["bytes"]) for file in frame.fields["files"])
        kinds = ",".join(frame.fields["kinds"])
        saved.note({"trainyard.step": frame.fields["step"], "trainyard.kinds": kinds, "trainyard.bytes": num_bytes})
        saved.end(at=now)

    def _parent(self) -> tracing.Trace:
        return self._attempt.trace if self._phase is None else self._phase.trace
