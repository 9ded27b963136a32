"""Is the process alive, can it serve, which one is it. The only routes that answer without a key."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api import schemas
from api.answers import Answers
from api.replies import json_response
from api.service import ServiceDep
from api.version import API_VERSION, NAME, service_version

router = APIRouter(tags=["health"])

_UNREADY: Answers = {503: {"description": "Something that requests need is missing.", "model": schemas.Readiness}}


@router.get("/healthz", responses={200: {"model": schemas.Health}})
async def get_health() -> Response:
    """The process is alive."""
    return json_response({"status": "ok"})


@router.get("/readyz", responses={200: {"model": schemas.Readiness}, **_UNREADY})
async def get_readiness(service: ServiceDep) -> Response:
    """Whether requests can be served: the database takes a write, its schema is current, artifacts can be stored, and
    the background sweeps run. Answers within `TRAINYARD_READINESS_SECONDS`, whatever hangs.

    `failing` names the parts that are not `ok`. A broker that is away is among them and fails nothing: jobs are
    accepted and kept, and workers find them by their own look, seconds later.
    """
    report = await service.readiness.report()
    word, status = ("ready", 200) if report.is_ready else ("unready", 503)
    return json_response({"status": word, "failing": report.failing, "checks": report.parts}, status=status)


@router.get("/version", responses={200: {"model": schemas.Version}})
async def get_version() -> Response:
    """Which service this is, and which version of its interface."""
    return json_response({"name": NAME, "version": service_version(), "api": API_VERSION})
