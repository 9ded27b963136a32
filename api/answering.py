"""Waits for what a worker answers to a question that was left in the database."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from api.watcher import Watcher
from models.errors import TimedOut, Unavailable


async def answered(
    told: Watcher, question_id: str, look: Callable[[], Any | None], *, seconds: float, late: TimedOut
) -> dict[str, Any]:
    """What `look` finds in the database, once a worker has put it there; `told` says when to look again.

    Raises `late` when the time is up, and Unavailable where the service stops meanwhile.
    """
    deadline = time.monotonic() + seconds
    with told.listening(question_id) as listener:
        while (found := await run_in_threadpool(look)) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise late
            if listener.is_closed:
                raise Unavailable("The service is stopping; ask again.", headers={"Retry-After": "1"})
            await listener.change(timeout_seconds=left)
    return dict(found)
