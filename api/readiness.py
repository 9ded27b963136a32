"""Whether requests can be served now, found out in bounded time whatever is frozen.

Each part is checked by a thread of its own, at most one at a time and once a second, however many ask: the route has no
key, so it must not be a way to make work. Who asks waits for the deadline at most; a part that has not answered by then
has failed. None of this uses the threads or the event loop that requests need.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from api.background import Background
from api.doorbell import Doorbell
from models.artifacts import ArtifactStore
from models.database import Database
from models.errors import Unavailable

log = logging.getLogger("trainyard.readiness")

OK: Final = "ok"
#: A part that has not answered by the deadline.
SILENT: Final = "no answer"
#: Parts without which requests are served all the same: jobs are accepted, and workers find them by their own look.
DISPENSABLE: Final = frozenset({"broker"})
_FRESH_SECONDS: Final = 1.0

Check = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Report:
    """What each part says: `ok`, or in a word or two what is wrong."""

    parts: Mapping[str, str]

    @property
    def failing(self) -> list[str]:
        """The parts that are not as they should be."""
        return [name for name, word in self.parts.items() if word != OK]

    @property
    def is_ready(self) -> bool:
        """Whether requests can be served."""
        return DISPENSABLE.issuperset(self.failing)


class _Part:
    """One check, and what is known of it."""

    def __init__(self, name: str, check: Check) -> None:
        self._name = name
        self._check = check
        self._pending: Future[str] | None = None
        self._word = SILENT
        self._known_at = float("-inf")

    def begin(self, threads: ThreadPoolExecutor) -> Future[str] | None:
        """The check that runs, or a new one; None where the last answer is fresh. For the event loop's thread."""
        if self._pending is not None and self._pending.done():
            self._word, self._pending = self._pending.result(), None
            self._known_at = time.monotonic()
        if self._pending is None and time.monotonic() - self._known_at > _FRESH_SECONDS:
            self._pending = threads.submit(self._run)
        return self._pending

    def word(self) -> str:
        """What it says, as far as it has answered."""
        if self._pending is None:
            return self._word
        return self._pending.result() if self._pending.done() else SILENT

    def _run(self) -> str:
        try:
            return self._check()
        except Unavailable:
            return "unreachable"
        except Exception:
            log.exception("the check of %s has failed", self._name)
            return "failed"


class Readiness:
    """The parts of one process."""

    def __init__(self, checks: Mapping[str, Check], *, deadline_seconds: float) -> None:
        self._parts = {name: _Part(name, check) for name, check in checks.items()}
        self._deadline_seconds = deadline_seconds
        self._threads = ThreadPoolExecutor(len(checks), thread_name_prefix="readiness")

    async def report(self) -> Report:
        """What every part says, by the deadline."""
        begun = [pending for part in self._parts.values() if (pending := part.begin(self._threads)) is not None]
        if begun:
            await asyncio.wait([asyncio.wrap_future(one) for one in begun], timeout=self._deadline_seconds)
        return Report({name: part.word() for name, part in self._parts.items()})

    def close(self) -> None:
        """Begin no more checks."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def checks(
    database: Database, *, artifacts: ArtifactStore, doorbell: Doorbell, background: Background
) -> dict[str, Check]:
    """What requests need, by name."""

    def can_write() -> str:
        database.check_writes()
        return OK

    def is_migrated() -> str:
        from models.migrations import is_current  # Alembic takes a fifth of a second that no start need wait for

        return OK if is_current(database) else "pending"

    def can_store() -> str:
        artifacts.check()
        return OK

    def is_sweeping() -> str:
        dead = background.dead()
        return OK if not dead else f"stopped: {', '.join(dead)}"

    return {
        "database": can_write,
        "migrations": is_migrated,
        "broker": lambda: OK if doorbell.is_connected else "unreachable",
        "artifacts": can_store,
        "sweeps": is_sweeping,
    }
