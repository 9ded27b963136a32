"""The application: `create_app()` puts the routes together, its lifespan opens and closes what they need."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from api import authentication, dashboard, errors
from api.background import Background, Sweep
from api.doorbell import Doorbell
from api.edge import Edge
from api.key_usage import KeyUsage
from api.parameters import KnownParametersDep
from api.profiling import Profiler
from api.routes import (
    catalogue,
    checkpoints,
    controls,
    datasets,
    documentation,
    events,
    health,
    jobs,
    keys,
    logs,
    metrics,
    workers,
)
from api.service import Service
from api.version import service_version
from api.watcher import Watcher
from models import doorbells, idempotency, logbook, service_secrets
from models.artifacts import open_store
from models.database import Database
from models.pages import Cursors
from models.reaper import Reaper
from models.settings import Settings
from models.settings import settings as current_settings

_logger = logging.getLogger("trainyard.background")
_PROFILES_SECONDS: Final = 10.0
_FORGET_SECONDS: Final = 3600.0
_KEY_USAGE_SECONDS: Final = 30.0
_MOST_RINGS: Final = 64
_ROUTERS: Final = (
    jobs,
    controls,
    events,
    metrics,
    logs,
    checkpoints,
    datasets,
    keys,
    workers,
    catalogue,
    health,
    documentation,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service as an ASGI application. Nothing is opened before its lifespan begins."""
    settings = settings or current_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings) as service:
            app.state.service = service
            yield

    app = FastAPI(
        title="Trainyard",
        version=service_version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[authentication.GuardDep, KnownParametersDep],
        generate_unique_id_function=lambda route: route.name,
    )
    errors.register(app)
    for module in _ROUTERS:
        app.include_router(module.router)
    if paths := authentication.undeclared(app.routes):
        raise RuntimeError(f"these routes declare no scope: {', '.join(paths)}")
    dashboard.mount(app)
    app.add_middleware(Edge, hosts=settings.hosts)
    app.openapi = partial(_described, app)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    from api import openapi  # only who asks for the description waits for its making

    if app.openapi_schema is None:
        app.openapi_schema = openapi.document(app)
    return app.openapi_schema


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """The open resources and the sweeps of one process, from start to stop."""
    logbook.configure(settings)
    database = Database(settings.database)
    service = await run_in_threadpool(_open, settings, database)
    background = Background(_sweeps(service))
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


def _sweeps(service: Service) -> list[Sweep]:
    settings, database = service.settings, service.database
    reaper = Reaper(database, lease_seconds=settings.lease_seconds, longest_gap_seconds=settings.lease_seconds)

    def reap() -> None:
        for job_id, status in reaper.sweep():
            _logger.warning("job %s lost its worker and is %s now", job_id, status)

    def ring() -> None:
        with database.reading() as connection:
            owed = doorbells.overdue(connection, older_than_seconds=settings.doorbell_seconds)
        for pool, num_jobs in owed.items():
            for _ in range(min(num_jobs, _MOST_RINGS)):
                service.doorbell.ring(pool)

    def forget() -> None:
        with database.unit_of_work() as connection:
            idempotency.expire(connection)

    return [
        Sweep("reaper", settings.reaper_seconds, reap),
        Sweep("doorbell", settings.doorbell_seconds, ring),
        Sweep("profiles", _PROFILES_SECONDS, service.profiler.recover),
        Sweep("idempotency", _FORGET_SECONDS, forget),
        Sweep("keys", _KEY_USAGE_SECONDS, service.key_usage.write),
    ]
