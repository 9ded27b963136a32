"""Waiting for news of jobs without holding anything: one look at the database for everybody who waits.

Long polls, event streams and predictions wait here as coroutines. While at least one of them waits, one task of the
process asks the database every few milliseconds, in a single query for all that is watched, for their versions: numbers
that change with every visible change. Nobody waits, nobody asks.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.concurrency import run_in_threadpool

from models import jobs
from models.database import Connection, Database
from models.errors import Unavailable

_logger = logging.getLogger("trainyard.api")
_OUTAGE_PAUSE_SECONDS: Final = 1.0
_LONGEST_LOOK_SECONDS: Final = 15.0
_GROWTH: Final = 1.25

#: Numbers that change with every visible change of a job.
Version = tuple[int, int, int]
_GONE: Final[Version] = (-1, -1, -1)


#: The versions of those of these ids that are there.
Look = Callable[[Connection, list[str]], dict[str, Version]]


class Watcher:
    """Wakes coroutines of one event loop when what they watch, jobs unless `look` sees something else, has changed."""

    def __init__(
        self,
        database: Database,
        *,
        look: Look = jobs.versions,
        interval_seconds: float = 0.03,
        longest_interval_seconds: float = 0.03,
    ) -> None:
        """Without news the pause between two looks grows from the interval to the longest one."""
        self._database = database
        self._versions_of = look
        self._interval_seconds = self._pause_seconds = interval_seconds
        self._longest_interval_seconds = longest_interval_seconds
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self._versions: dict[str, Version] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_dismissed = False

    @contextmanager
    def listening(self, watched_id: str) -> Iterator[Listener]:
        """Watch a job, or whatever has this id, while the block runs. Whatever changes after the block is entered wakes
        the listener.
        """
        listener = Listener()
        self._listeners[watched_id].add(listener)
        if self._is_dismissed:
            listener.close()
        # Without a version to compare with, the next look wakes everybody: a change between subscribing and reading
        # is never lost.
        self._versions.pop(watched_id, None)
        self._pause_seconds = self._interval_seconds
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._watch(), name="watcher")
        try:
            yield listener
        finally:
            self._listeners[watched_id].discard(listener)
            if not self._listeners[watched_id]:
                del self._listeners[watched_id]
                self._versions.pop(watched_id, None)

    @property
    def num_listeners(self) -> int:
        """How many coroutines are waiting for news."""
        return sum(map(len, self._listeners.values()))

    def dismiss(self) -> None:
        """Wake everybody for the last time; nobody is kept waiting from now on."""
        self._is_dismissed = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.close()

    async def close(self) -> None:
        """Dismiss everybody and stop looking. A look that has begun is let finish: it holds a connection."""
        self.dismiss()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=_LONGEST_LOOK_SECONDS)

    async def _watch(self) -> None:
        while self._listeners and not self._is_dismissed:
            try:
                has_news = self._wake(await run_in_threadpool(self._look, list(self._listeners)))
                pause = self._pause_seconds
                grown = min(_GROWTH * pause, self._longest_interval_seconds)
                self._pause_seconds = self._interval_seconds if has_news else grown
            except Unavailable:
                _logger.warning("the database does not answer; whoever waits for news waits on")
                pause = _OUTAGE_PAUSE_SECONDS
            except Exception:
                _logger.exception("looking for news failed; whoever waits for news waits on")
                pause = _OUTAGE_PAUSE_SECONDS
            await asyncio.sleep(pause)

    def _look(self, watched_ids: list[str]) -> dict[str, Version]:
        with self._database.reading() as connection:
            return self._versions_of(connection, watched_ids)

    def _wake(self, versions: dict[str, Version]) -> bool:
        """Wake whoever watches what has changed; whether anything has."""
        has_news = False
        for job_id, listeners in self._listeners.items():
            version = versions.get(job_id, _GONE)
            if self._versions.get(job_id) != version:
                has_news = True
                self._versions[job_id] = version
                for listener in listeners:
                    listener.wake()
        return has_news


class Listener:
    """One coroutine's ear."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.is_closed = False

    def wake(self) -> None:
        """Let the coroutine look again."""
        self._event.set()

    def close(self) -> None:
        """Tell the coroutine that the process is stopping."""
        self.is_closed = True
        self._event.set()

    async def change(self, *, timeout_seconds: float) -> bool:
        """Wait until something may have changed since the last call; False when the time is up first."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        if not self.is_closed:
            self._event.clear()
        return True
