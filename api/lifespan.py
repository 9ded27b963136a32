"""What one API process holds open from its start to its stop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.concurrency import run_in_threadpool

from api.background import Background
from api.doorbell import Doorbell
from api.key_usage import KeyUsage
from api.profiling import Profiler
from api.service import Service
from api.sweeps import sweeps
from api.watcher import Watcher
from models import logbook, service_secrets
from models.artifacts import open_store
from models.database import Database
from models.pages import Cursors
from models.settings import Settings


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """The open resources and the sweeps of one process, from start to stop."""
    logbook.configure(settings)
    database = Database(settings.database)
    service = await run_in_threadpool(_open, settings, database)
    background = Background(sweeps(service))
    service.doorbell.start()
    background.start()
    try:
        yield service
    finally:
        await service.watcher.close()
        for close in (background.close, service.profiler.close, service.doorbell.close, database.close):
            await run_in_threadpool(close)


def _open(settings: Settings, database: Database) -> Service:
    with database.unit_of_work() as connection:
        cursor_secret = service_secrets.obtain(connection, "cursors")
    artifacts = open_store(settings.artifacts)
    return Service(
        settings=settings,
        database=database,
        artifacts=artifacts,
        doorbell=Doorbell(settings.broker),
        profiler=Profiler(database, artifacts),
        watcher=Watcher(database),
        cursors=Cursors(cursor_secret),
        key_usage=KeyUsage(database),
    )
