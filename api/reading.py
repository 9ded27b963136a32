"""Short reads: in the event loop where the database answers at once, in a thread where it has to be waited for.

SQLite finds a row by its key in microseconds; handing that to a thread and back takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from models.database import Database, MustWait, Reader

T = TypeVar("T")


async def look(database: Database, read: Callable[[Reader], T]) -> T:
    """What `read` finds by a few prepared statements; with others it is sent to a thread as well, where they are met.

    It may be begun twice, so it only reads.
    """
    try:
        return database.glance(read)
    except MustWait:
        return await run_in_threadpool(database.read, read)
