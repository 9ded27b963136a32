"""What a listener of a job has not heard yet: its events, progress, new metric points and new lines of its log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from api.service import Service
from api.streaming import KEEPALIVE, KEEPALIVE_SECONDS, OUTAGE_PAUSE_SECONDS, frame, greeting
from models import events, jobs, logs
from models.errors import NotFound, Unavailable
from models.status import TERMINAL

_EVENTS_AT_ONCE: Final = 500
_POINTS_AT_ONCE: Final = 1000


@dataclass(slots=True)
class Feed:
    """One listener's place in a job. Reads in short transactions, and holds none while it waits."""

    service: Service
    project: str
    job_id: str
    after: int
    has_ended: bool = False
    _log_offset: int = 0
    _last_steps: dict[str, int] = field(default_factory=dict)
    _progress: tuple[Any, ...] | None = None

    def open(self) -> None:
        """Take up the present: points and log lines from now on ride on the stream, older ones have their own
        endpoints.
        """
        from models import metrics  # the service is up before NumPy is

        with self.service.database.reading() as connection:
            jobs.status_of(connection, project=self.project, job_id=self.job_id)
            self._log_offset = logs.length(connection, job_id=self.job_id)
            self._last_steps = {line.name: line.last_step for line in metrics.names(connection, job_id=self.job_id)}

    def news(self) -> list[bytes]:
        """The frames that have come up since the last call; events last, so that `end` is the end of everything."""
        with self.service.database.reading() as connection:
            job = jobs.get(connection, project=self.project, job_id=self.job_id)
            happened = events.listing(connection, job_id=self.job_id, after=self.after, limit=_EVENTS_AT_ONCE)
            frames = [*self._new_points(connection), *self._new_lines(connection)]
        progress = (job.status, job.phase, job.progress)
        if progress != self._progress:
            self._progress = progress
            frames.insert(0, frame("progress", {"status": job.status, "phase": job.phase, **job.progress}))
        for event in happened:
            frames.append(frame(event.type, event.document(), identifier=event.seq))
            self.after = event.seq
        self.has_ended = job.status in TERMINAL and len(happened) < _EVENTS_AT_ONCE
        return frames

    def _new_points(self, connection: Any) -> list[bytes]:
        from models import metrics  # as above

        grown = {}
        for line in metrics.names(connection, job_id=self.job_id):
            known = self._last_steps.get(line.name)
            if known is None or line.last_step > known:
                points = metrics.series(connection, job_id=self.job_id, name=line.name, after_step=known)
                grown[line.name] = metrics.buckets(line.name, points, max_points=_POINTS_AT_ONCE).document()
            self._last_steps[line.name] = line.last_step
        return [frame("metrics", grown)] if grown else []

    def _new_lines(self, connection: Any) -> list[bytes]:
        part = logs.read(connection, job_id=self.job_id, after=self._log_offset)
        if not part.content:
            return []
        self._log_offset = part.next_after
        return [frame("log", {"text": part.content.decode(errors="replace"), "next_after": part.next_after})]


async def follow(feed: Feed) -> AsyncIterator[bytes]:
    """A job as a stream, until the job is over, deleted, or the service stops."""
    yield greeting()
    with feed.service.watcher.listening(feed.job_id) as listener:
        while True:
            try:
                frames = await run_in_threadpool(feed.news)
            except NotFound:
                yield frame("end", {"reason": "deleted"})
                return
            except Unavailable:
                yield KEEPALIVE  # the stream outlives an outage of the database
                await listener.change(timeout_seconds=OUTAGE_PAUSE_SECONDS)
                continue
            for item in frames:
                yield item
            if feed.has_ended:
                yield frame("end", {"reason": "finished"})
                return
            while not await listener.change(timeout_seconds=KEEPALIVE_SECONDS):
                yield KEEPALIVE
            if listener.is_closed:
                return
