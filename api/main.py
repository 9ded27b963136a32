"""The application: `create_app()` puts the routes together, `api.lifespan` opens what they need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from fastapi import FastAPI

from api import auditing, authentication, dashboard, errors
from api.dispatch import Dispatch
from api.edge import Edge
from api.lifespan import running
from api.parameters import KnownParametersDep
from api.routes import (
    audit,
    catalogue,
    checkpoints,
    controls,
    datasets,
    descent,
    diagnosis,
    documentation,
    events,
    exposition,
    health,
    jobs,
    keys,
    logs,
    metrics,
    predictions,
    projects,
    tensorboard,
    webhooks,
    workers,
)
from api.version import service_version
from models import logbook
from models.artifacts import usable_store
from models.errors import Unavailable
from models.settings import Settings
from models.settings import settings as current_settings

_ROUTERS: Final = (
    descent,  # before jobs: compare is no job's id
    jobs,
    controls,
    events,
    metrics,
    tensorboard,
    logs,
    checkpoints,
    diagnosis,
    predictions,
    datasets,
    keys,
    projects,
    audit,
    webhooks,
    workers,
    catalogue,
    health,
    exposition,
    documentation,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service as an ASGI application. Nothing is opened before its lifespan begins.

    Without settings it is the one of this process: where its artifact store cannot be used, the process ends with a
    line that says why.
    """
    if settings is None:
        settings = current_settings()
        _check_store(settings)
    logbook.configure(settings)  # here, so that the server's own first lines are of the same form

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
        telemetry={"tracing": False, "metrics": False, "logs": False},  # the edge has its own
        dependencies=[authentication.GuardDep, KnownParametersDep],
        generate_unique_id_function=lambda route: route.name,
    )
    errors.register(app)
    for module in _ROUTERS:
        app.include_router(module.router)
    if paths := authentication.undeclared(app.routes):
        raise RuntimeError(f"these routes declare no scope: {', '.join(paths)}")
    if paths := auditing.unaudited(app.routes):
        raise RuntimeError(f"these routes leave no line in the audit log: {', '.join(paths)}")
    dashboard.mount(app)
    app.add_middleware(Dispatch, routes=app.routes)
    app.add_middleware(Edge, hosts=settings.hosts)
    app.openapi = partial(_described, app)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    from api import openapi  # only who asks for the description waits for its making

    if app.openapi_schema is None:
        app.openapi_schema = openapi.document(app)
    return app.openapi_schema


def _check_store(settings: Settings) -> None:
    try:
        usable_store(settings)
    except Unavailable as error:
        raise SystemExit(f"trainyard: {error.detail}") from None
