"""One job: read it, wait for it, steer it, and read back what it wrote."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from json import dumps
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

import httpx2

from . import _logs, _metrics, _predictions, _streams, _tensorboard
from ._checkpoints import Checkpoint
from ._diagnosis import Finding
from ._exceptions import JobCancelled, JobFailed, ServerError, ServiceUnreachable, WaitTimeout
from ._records import (
    TERMINAL_STATUSES,
    CheckpointRecord,
    Event,
    JobRecord,
    MetricSummary,
    Progress,
    Reason,
    Result,
    Series,
)
from ._retries import Patience
from ._transport import Transport

_LONG_POLL_SECONDS: Final = 30.0
#: Time between two polls when the service answers without waiting.
_POLL_SECONDS: Final = 0.2


class Job:
    """A handle on one job. `record` is the job as it was last read; `refresh` and `wait` read it again."""

    def __init__(self, transport: Transport, document: Mapping[str, Any]) -> None:
        self._transport = transport
        self.record = JobRecord.parse(document)
        self._path = f"/v1/jobs/{self.record.id}"
        self._etag: str | None = None

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.status}>"

    @property
    def id(self) -> str:
        """`job_…`."""
        return self.record.id

    @property
    def name(self) -> str | None:
        """The name that the spec gave."""
        return self.record.name

    @property
    def status(self) -> str:
        """queued, running, pausing, paused, cancelling, succeeded, failed or cancelled."""
        return self.record.status

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended: succeeded, failed or cancelled."""
        return self.status in TERMINAL_STATUSES

    @property
    def phase(self) -> str | None:
        """What it does at the moment, in a word for people."""
        return self.record.phase

    @property
    def reason(self) -> Reason | None:
        """Why it failed."""
        return self.record.reason

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self.record.progress

    @property
    def result(self) -> Result | None:
        """What it came to; None before it has succeeded."""
        return self.record.result

    def refresh(self) -> Self:
        """Read the job again."""
        return self._read(self._transport.get(self._path))

    def wait(self, *, timeout: float | None = None) -> Self:
        """Wait until the job has ended, however it ends, by long polls; restarts of the service are sat out.

        Raises WaitTimeout after `timeout` seconds; the job goes on.
        """
        until = None if timeout is None else time.monotonic() + timeout
        patience = Patience()
        while not self.is_terminal:
            left = _LONG_POLL_SECONDS if until is None else min(_LONG_POLL_SECONDS, until - time.monotonic())
            if left <= 0:
                raise WaitTimeout(f"{self.id} is still {self.status} after {timeout:g} s")
            try:
                self._poll(wait_seconds=left)
                patience.renew()
            except (ServiceUnreachable, ServerError) as error:
                patience.spend(error)
        return self

    def raise_for_status(self) -> Self:
        """Return the job itself unless it has failed (raises JobFailed) or was cancelled (raises JobCancelled)."""
        kind = {"failed": JobFailed, "cancelled": JobCancelled}.get(self.status)
        if kind is None:
            return self
        reason = self.reason or Reason(code=self.status, message=f"the job was {self.status}")
        raise kind(job_id=self.id, code=reason.code, message=reason.message, param=reason.param)

    def cancel(self) -> Self:
        """End the job for good. Raises Conflict when it has ended already."""
        return self._order("cancel")

    def pause(self) -> Self:
        """Save a checkpoint and give the worker free. Raises Conflict when the job has ended."""
        return self._order("pause")

    def resume(self) -> Self:
        """Put a paused job back into the queue. Raises Conflict when it has ended."""
        return self._order("resume")

    def stop(self) -> Self:
        """End training now, restore the best weights, test and succeed. Raises Conflict when it has ended."""
        return self._order("stop")

    def retry(self, *, from_scratch: bool = False) -> Self:
        """Queue a failed or cancelled job again, from its last good checkpoint unless `from_scratch`.

        Raises Conflict when the job is neither.
        """
        return self._order("retry", body={"from_scratch": True} if from_scratch else None)

    def fork(self, patch: Mapping[str, Any] | None = None, *, from_checkpoint: str | int | None = None) -> Job:
        """Submit a new job from this one's spec, changed by a JSON merge patch: None removes a field.

        With `from_checkpoint` (`best`, `latest`, `final`, a step or an id) it begins with those weights.
        Raises Unprocessable with one entry in `errors` per mistake.
        """
        body = {"patch": dict(patch or {}), "from_checkpoint": from_checkpoint}
        return Job(self._transport, self._transport.post(f"{self._path}/fork", body=body))

    def reproduce(self) -> Job:
        """Run the job again, every default as it was; `reproduction` of the new job says if the weights are equal."""
        return Job(self._transport, self._transport.post(f"{self._path}/reproduce"))

    def update(self, **changes: Any) -> Self:
        """Change `name`, `labels` (merged; None removes one) or `priority`. Raises Unprocessable for anything else."""
        content = dumps(changes, allow_nan=False).encode()
        headers = {"Content-Type": "application/json"}
        response = self._transport.request("PATCH", self._path, content=content, headers=headers)
        return self._read(self._transport.json(response))

    def delete(self) -> None:
        """Delete an ended job with everything it wrote. Raises Conflict while it has not ended."""
        self._transport.request("DELETE", self._path)

    def stream(self, *, after: int = 0) -> Iterator[_streams.Frame]:
        """Everything the service sends while the job lives, resumed after cuts: see `Frame`."""
        return _streams.frames(self._transport, f"{self._path}/events", after=after)

    def events(self, *, after: int = 0) -> Iterator[Event]:
        """The event log behind sequence number `after`, then live until the job ends, without gap or repetition."""
        for frame in self.stream(after=after):
            if frame.seq is not None:
                yield Event.parse(frame.data)

    def past_events(self, *, after: int = 0) -> Iterator[Event]:
        """The event log behind sequence number `after` as far as it goes now."""
        while page := self._transport.get(f"{self._path}/events", params={"after": after})["data"]:
            yield from map(Event.parse, page)
            after = page[-1]["seq"]

    def metrics(self) -> dict[str, MetricSummary]:
        """The job's metrics by name, each in a few numbers."""
        return _metrics.summaries(self._transport, self._path)

    def metric(self, name: str, *, max_points: int | None = None, after_step: int | None = None) -> Series:
        """One metric, in at most `max_points` buckets, none of which hides a spike. Raises NotFound."""
        return _metrics.series(self._transport, self._path, name, max_points=max_points, after_step=after_step)

    def stream_metrics(self, *names: str) -> Iterator[_metrics.Point]:
        """Every point of the named metrics (default: all) from the first on, then live until the job has ended.

        Where a job is resumed from a checkpoint, the steps behind it come again, in place of those that came before.
        The past of a metric of more than 100,000 points comes in buckets.
        """
        seq = max((event.seq for event in self.past_events()), default=0)
        return _metrics.stream(self._transport, self._path, names=frozenset(names), after=seq)

    def tensorboard(self, directory: str | Path) -> Path:
        """Fetch the job's TensorBoard event file as of now into a folder, made if missing, in place of an older one.

        One folder a job: `tensorboard --logdir` of the folder above shows them side by side. Returns the file's path.
        """
        return _tensorboard.fetch(self._transport, f"{self._path}/tensorboard", job_id=self.id, folder=Path(directory))

    def logs(self, *, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """The lines of the job's log (the last `tail` of them), with `follow` also those to come until the job ends."""
        return _logs.lines(self._transport, f"{self._path}/logs", tail=tail, follow=follow)

    def diagnosis(self) -> list[Finding]:
        """What the rules of `diagnosis` found, in order."""
        return [Finding.parse(document) for document in self._transport.get(f"{self._path}/diagnosis")["data"]]

    def checkpoints(self) -> list[Checkpoint]:
        """The checkpoints that are kept, newest first."""
        return [self._checkpoint(document) for document in self._transport.get(f"{self._path}/checkpoints")["data"]]

    def checkpoint(self, ref: str | int = "best") -> Checkpoint:
        """One checkpoint by `best`, `latest`, `final`, its id or its step. Raises NotFound."""
        return self._checkpoint(self._transport.get(f"{self._path}/checkpoints/{quote(str(ref), safe='')}"))

    def predict(
        self, rows: Iterable[Mapping[str, Any]], *, checkpoint: str | int = "best", top: int | None = None
    ) -> _predictions.Predictions:
        """Predict new rows by the network of a checkpoint and the preprocessing that trained it.

        A row of a table is a mapping from column to value, others are `{"image": bytes or pixels}`, `{"text": …}` or
        `{"series": […]}`. NaN and what a row leaves out are missing values; bytes travel as base64, arrays as lists.
        `top` keeps only that many of the most probable classes. Raises Unprocessable, pointing at row and column,
        Conflict for a job without a checkpoint, NotFound, and ServerError when no worker can answer.
        """
        return _predictions.predict(self._transport, f"{self._path}/predict", rows, checkpoint=str(checkpoint), top=top)

    def _checkpoint(self, document: Mapping[str, Any]) -> Checkpoint:
        return Checkpoint(self._transport, job_id=self.id, record=CheckpointRecord.parse(document))

    def _order(self, verb: str, *, body: Mapping[str, Any] | None = None) -> Self:
        return self._read(self._transport.post(f"{self._path}/{verb}", body=body))

    def _read(self, document: Mapping[str, Any]) -> Self:
        self.record = JobRecord.parse(document)
        return self

    def _poll(self, *, wait_seconds: float) -> None:
        asked = int(wait_seconds)
        headers = {"Prefer": f"wait={asked}"} if asked and self._etag else {}
        if self._etag:
            headers["If-None-Match"] = self._etag
        response = self._transport.request("GET", self._path, headers=headers, timeout=self._transport.timeout + asked)
        if response.status_code != httpx2.codes.NOT_MODIFIED:
            self._read(self._transport.json(response))
            self._etag = response.headers.get("ETag")
        elif response.elapsed.total_seconds() < _POLL_SECONDS:
            time.sleep(min(_POLL_SECONDS, wait_seconds))
