"""Who may call what: a bearer key for every route but the public ones, and a scope that each route declares.

`guard` runs before every route of the application, so a new route is closed until somebody decides otherwise; what a
key must be allowed to do stands in the route's signature (`principal: JobsRead`), and an application with a route
that declares nothing does not start.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute

from api.reading import look
from api.service import Service, ServiceDep
from models import key_text, keys, projects
from models.errors import Forbidden, Unauthorized
from models.principal import Principal

if TYPE_CHECKING:
    from api.oidc import Issuer

#: The paths that answer without a key. The dashboard's static files are mounted beside them and hold no data.
PUBLIC_PATHS: Final = frozenset({"/healthz", "/readyz", "/version"})

#: What a route declares that every valid key may call.
ANY: Final = "any"

_bearer = HTTPBearer(
    scheme_name="key",
    bearerFormat="ty_<id>_<secret>",
    description="An API key, as `Authorization: Bearer ty_<id>_<secret>`, or a token of the configured issuer.",
    auto_error=False,
)


async def guard(
    request: Request,
    service: ServiceDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> None:
    """Let nobody pass without a valid key, except to the public paths. Raises Unauthorized and TooManyRequests."""
    if request.scope["route"].path_format in PUBLIC_PATHS:
        return
    address = "" if request.client is None else request.client.host
    service.rate_limits.check(address)
    try:
        principal = await _authenticated(service, _token(credentials))
    except Unauthorized:
        service.rate_limits.fail(address)
        raise
    request.state.headers = service.rate_limits.count(principal.key_id).headers
    if principal.is_key:
        service.key_usage.note(principal.key_id)
    request.state.principal = principal


def _token(credentials: HTTPAuthorizationCredentials | None) -> str:
    if credentials is None or not (credentials.credentials.isascii() and credentials.credentials.isprintable()):
        raise Unauthorized
    return credentials.credentials


async def _authenticated(service: Service, token: str) -> Principal:
    if (known := service.key_cache.find(token)) is not None:
        return known
    return await service.key_cache.ask(token, partial(_authenticate, service))


async def _authenticate(service: Service, token: str) -> Principal:
    if service.issuer is None or token.startswith(key_text.PREFIX):
        return await look(service.database, partial(keys.authenticate, token=token))
    return await run_in_threadpool(_accepted, service, service.issuer, token)


def _accepted(service: Service, issuer: Issuer, token: str) -> Principal:
    """Who a token of the configured issuer stands for."""
    principal = issuer.principal(token)
    with service.database.reading() as connection:
        if not projects.is_open(connection, name=principal.project):
            raise Forbidden(f"The token's project {principal.project} is not open.", code="no_project")
    return principal


async def _authorized(request: Request, scopes: SecurityScopes) -> Principal:
    principal: Principal = request.state.principal
    for scope in scopes.scopes:
        if scope != ANY and not principal.may(scope):
            raise Forbidden(f"This key lacks the scope {scope}.", scope=scope)
    return principal


JobsRead = Annotated[Principal, Security(_authorized, scopes=["jobs:read"])]
JobsWrite = Annotated[Principal, Security(_authorized, scopes=["jobs:write"])]
DatasetsRead = Annotated[Principal, Security(_authorized, scopes=["datasets:read"])]
DatasetsWrite = Annotated[Principal, Security(_authorized, scopes=["datasets:write"])]
WebhooksRead = Annotated[Principal, Security(_authorized, scopes=["webhooks:read"])]
WebhooksWrite = Annotated[Principal, Security(_authorized, scopes=["webhooks:write"])]
MetricsRead = Annotated[Principal, Security(_authorized, scopes=["metrics:read"])]
AnyScope = Annotated[Principal, Security(_authorized, scopes=[ANY])]
Admin = Annotated[Principal, Security(_authorized, scopes=["admin"])]
Operator = Annotated[Principal, Security(_authorized, scopes=["operator"])]

GuardDep = Depends(guard)


def declared_scopes(dependant: Dependant) -> set[str]:
    """The scopes that a route's signature asks for."""
    return set(dependant.own_oauth_scopes or ()).union(*map(declared_scopes, dependant.dependencies))


def undeclared(routes: Iterable[BaseRoute | RouteContext]) -> list[str]:
    """The paths of routes that are neither public nor declare a scope."""
    return [
        str(route.path)
        for route in iter_route_contexts(list(routes))
        if hasattr(route, "dependant") and route.path not in PUBLIC_PATHS and not declared_scopes(route.dependant)
    ]
