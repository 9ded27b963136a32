"""What a request needs of the process: its database, artifact store, doorbell and watcher, opened once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from api.background import Background
from api.doorbell import Doorbell
from api.exposition import Repairs, Requests
from api.key_cache import KeyCache
from api.key_usage import KeyUsage
from api.profiling import Profiler
from api.rate_limits import RateLimits
from api.readiness import Readiness
from api.refusals import Refusals
from api.renderings import Renderings
from api.watcher import Watcher
from api.webhook_sender import Sender
from models.artifacts import ArtifactStore
from models.database import Database
from models.destinations import Destinations
from models.group_commit import Writer
from models.pages import Cursors
from models.settings import Settings
from models.spans import Tracer

if TYPE_CHECKING:
    from api.oidc import Issuer


@dataclass(frozen=True, slots=True)
class Service:
    """The open resources of one API process."""

    settings: Settings
    destinations: Destinations
    database: Database
    artifacts: ArtifactStore
    doorbell: Doorbell
    profiler: Profiler
    watcher: Watcher
    answers: Watcher
    findings: Watcher
    cursors: Cursors
    key_usage: KeyUsage
    webhooks: Sender
    requests: Requests
    repairs: Repairs
    rate_limits: RateLimits
    tracer: Tracer
    background: Background
    readiness: Readiness
    refusals: Refusals
    issuer: Issuer | None
    key_cache: KeyCache
    renderings: Renderings
    writer: Writer


async def _service(request: Request) -> Service:  # async: a plain one would be sent to a thread
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]
