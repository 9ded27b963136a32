"""The audit log: who did what, when, from where, and what was refused."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from api import schemas
from api.answers import answers
from api.authentication import Admin
from api.pagination import PagingDep
from api.service import ServiceDep
from models import audit
from models.audit import AuditFilter, Line
from models.errors import Forbidden
from models.principal import OPERATOR, Principal

router = APIRouter(tags=["audit"])


@router.get("/v1/audit", responses=answers(schemas.AuditPage))
def list_audit(
    service: ServiceDep,
    principal: Admin,
    paging: PagingDep,
    project: Annotated[
        str | None, Query(max_length=64, description="Default: the key's own; with `operator` any, by default all.")
    ] = None,
    actor: Annotated[str | None, Query(max_length=300, description="A key's id, or `oidc:` and a subject.")] = None,
    operation: Annotated[str | None, Query(max_length=64, description="An operation's id: `create_job`.")] = None,
    resource: Annotated[str | None, Query(max_length=200, description="An id, as `resource` of a line has it.")] = None,
    outcome: Annotated[Literal["done", "refused"] | None, Query(description="Lines that came out so.")] = None,
    after: Annotated[AwareDatetime | None, Query(description="RFC 3339, with an offset.")] = None,
    before: Annotated[AwareDatetime | None, Query(description="RFC 3339, with an offset.")] = None,
) -> Response:
    """What was changed and what was refused, newest first. Lines are never changed, and kept for a year."""
    where = AuditFilter(
        project=_reach(principal, project),
        actor=actor,
        operation=operation,
        resource=resource,
        outcome=outcome,
        after=None if after is None else after.timestamp(),
        before=None if before is None else before.timestamp(),
    )
    wanted = paging.wanted(asdict(where))
    with service.database.reading() as connection:
        found = audit.listing(connection, where=where, page=wanted)
    return paging.response(found, filters=asdict(where), key=lambda line: line.id, document=Line.document)


def _reach(principal: Principal, project: str | None) -> str | None:
    """The project to be told of; None for all."""
    reach = principal.reach()
    if reach is not None and project not in {None, reach}:
        raise Forbidden(f"The log of another project is read with the scope {OPERATOR}.", scope=OPERATOR)
    return project or reach
