"""Is the process alive, can it serve, which one is it. The only routes that answer without a key."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api import schemas
from api.answers import Answers
from api.replies import json_response
from api.service import Service, ServiceDep
from api.version import API_VERSION, NAME, service_version
from models.errors import Unavailable

router = APIRouter(tags=["health"])

_UNREADY: Answers = {503: {"description": "Something that requests need is missing.", "model": schemas.Readiness}}


@router.get("/healthz", responses={200: {"model": schemas.Health}})
async def get_health() -> Response:
    """The process is alive."""
    return json_response({"status": "ok"})


@router.get("/readyz", responses={200: {"model": schemas.Readiness}, **_UNREADY})
def get_readiness(service: ServiceDep) -> Response:
    """Whether requests can be served: the database answers and its schema is current. A missing broker is reported.

    Without a broker jobs are accepted and kept, and workers find them by their own sweep, seconds later.
    """
    checks = _checks(service)
    is_ready = checks["database"] == checks["migrations"] == "ok"
    return json_response(
        {"status": "ready" if is_ready else "unready", "checks": checks}, status=200 if is_ready else 503
    )


@router.get("/version", responses={200: {"model": schemas.Version}})
async def get_version() -> Response:
    """Which service this is, and which version of its interface."""
    return json_response({"name": NAME, "version": service_version(), "api": API_VERSION})


def _checks(service: Service) -> dict[str, str]:
    from models.migrations import is_current  # Alembic takes a fifth of a second that the start need not wait for

    checks = {"database": "ok", "migrations": "ok", "broker": "ok" if service.doorbell.is_connected else "unreachable"}
    try:
        if not is_current(service.database):
            checks["migrations"] = "pending"
    except Unavailable:
        checks |= {"database": "unreachable", "migrations": "unknown"}
    return checks
