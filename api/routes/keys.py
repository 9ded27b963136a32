"""API keys: make, list, rotate, revoke."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api import schemas
from api.answers import answers, body
from api.auditing import ChangeDep
from api.authentication import Admin
from api.bodies import JsonBody, OptionalJsonBody, validated
from api.conditional import Representation, strong_etag
from api.idempotency import Created, CreationDep, OptionalCreationDep
from api.pagination import PagingDep
from api.replies import json_bytes, json_response
from api.service import ServiceDep
from models import keys
from models.database import Connection
from models.errors import Forbidden
from models.keys import Key
from models.principal import OPERATOR, Principal

router = APIRouter(tags=["keys"])


@router.post(
    "/v1/keys",
    status_code=201,
    responses=answers(schemas.NewKey, 409, 413, 415, status=201),
    openapi_extra=body("KeyRequest", example={"name": "ci", "scopes": ["jobs:read", "jobs:write"]}),
)
def create_key(principal: Admin, document: JsonBody, creation: CreationDep) -> Response:
    """Make a key. Its text is in this answer and, for a day, in its replays by `Idempotency-Key` to the key that asked;
    the service keeps a hash.
    """
    if (replayed := creation.replay()) is not None:
        return replayed
    wanted = validated(schemas.KeyRequest, document)
    project = wanted.project or principal.project
    expires_at = None if wanted.expires_at is None else wanted.expires_at.timestamp()
    principal.check_gift(project=project, scopes=wanted.scopes, expires_at=expires_at)

    def make(connection: Connection) -> Created:
        made = keys.create(connection, project=project, name=wanted.name, scopes=wanted.scopes, expires_at=expires_at)
        return _with_text(*made)

    return creation.run(make)


@router.get("/v1/keys", responses=answers(schemas.KeyPage))
def list_keys(
    service: ServiceDep,
    principal: Admin,
    paging: PagingDep,
    project: Annotated[str | None, Query(max_length=64, description="Another than the key's own: `operator`.")] = None,
) -> Response:
    """The keys of the project, newest first, without their secrets, with the time of their last use."""
    wanted_project = project or principal.project
    if principal.reach() not in {None, wanted_project}:
        raise Forbidden(f"The keys of another project are listed with the scope {OPERATOR}.", scope=OPERATOR)
    filters = {"keys_of": wanted_project}
    wanted = paging.wanted(filters)
    with service.database.reading() as connection:
        found = keys.listing(connection, project=wanted_project, page=wanted)
    return paging.response(found, filters=filters, key=lambda key: key.id, document=Key.document)


@router.post(
    "/v1/keys/{key_id}/rotate",
    responses=answers(schemas.NewKey, 404, 409, 413, 415),
    openapi_extra=body("RotationRequest", example={"grace_seconds": 3600}, required=False),
)
def rotate_key(
    key_id: str, service: ServiceDep, principal: Admin, document: OptionalJsonBody, creation: OptionalCreationDep
) -> Response:
    """Give a key another secret, shown as at its making. The one it had stays good for `grace_seconds`; any before that
    ends now.
    """
    if (replayed := creation.replay()) is not None:
        return replayed
    wish = validated(schemas.RotationRequest, document)

    def rotate(connection: Connection) -> Created:
        _reached(connection, principal, key_id)
        return _with_text(*keys.rotate(connection, key_id=key_id, grace_seconds=wish.grace_seconds))

    response = creation.run(rotate, status=200)
    service.key_cache.clear()
    return response


@router.delete("/v1/keys/{key_id}", responses=answers(schemas.Key, 404))
def revoke_key(key_id: str, service: ServiceDep, change: ChangeDep, principal: Admin) -> Response:
    """Make a key worthless with all its secrets, from the next request on."""
    with change.transaction() as connection:
        _reached(connection, principal, key_id)
        key = keys.revoke(connection, project=principal.reach(), key_id=key_id)
    service.key_cache.clear()
    return json_response(key.document())


def _reached(connection: Connection, principal: Principal, key_id: str) -> None:
    """Raise NotFound for a key out of reach, and Forbidden for one that is more than who asks."""
    key = keys.get(connection, project=principal.reach(), key_id=key_id)
    if OPERATOR in key.scopes and not principal.may(OPERATOR):
        raise Forbidden(f"A key of the scope {OPERATOR} is touched by such a key alone.", scope=OPERATOR)


def _with_text(key: Key, text: str) -> Created:
    document: dict[str, Any] = {**key.document(), "key": text}
    content = json_bytes(document)
    return Created(Representation(content, strong_etag(content)), location=f"/v1/keys/{key.id}", sealed="key")
