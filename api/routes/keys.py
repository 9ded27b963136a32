"""API keys: make, list, revoke."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from api import schemas
from api.answers import answers, body
from api.authentication import Admin
from api.bodies import JsonBody, validated
from api.pagination import PagingDep
from api.replies import json_response
from api.service import ServiceDep
from models import keys
from models.keys import Key

router = APIRouter(tags=["keys"])


@router.post(
    "/v1/keys",
    status_code=201,
    responses=answers(schemas.NewKey, 413, 415, status=201),
    openapi_extra=body("KeyRequest", example={"name": "ci", "scopes": ["jobs:read", "jobs:write"]}),
)
def create_key(service: ServiceDep, principal: Admin, document: JsonBody) -> Response:
    """Make a key. Its text is in this answer and nowhere else, ever."""
    wanted = validated(schemas.KeyRequest, document)
    with service.database.unit_of_work() as connection:
        key, text = keys.create(
            connection,
            project=wanted.project or principal.project,
            name=wanted.name,
            scopes=wanted.scopes,
            expires_at=None if wanted.expires_at is None else wanted.expires_at.timestamp(),
        )
    return json_response({**key.document(), "key": text}, status=201)


@router.get("/v1/keys", responses=answers(schemas.KeyPage))
def list_keys(service: ServiceDep, principal: Admin, paging: PagingDep) -> Response:
    """The keys of the project, newest first, without their secrets."""
    wanted = paging.wanted({})
    with service.database.reading() as connection:
        found = keys.listing(connection, project=principal.project, page=wanted)
    return paging.response(found, filters={}, key=lambda key: key.id, document=Key.document)


@router.delete("/v1/keys/{key_id}", responses=answers(schemas.Key, 404))
def revoke_key(key_id: str, service: ServiceDep, principal: Admin) -> Response:
    """Make a key worthless, from the next request on."""
    with service.database.unit_of_work() as connection:
        key = keys.revoke(connection, project=principal.project, key_id=key_id)
    return json_response(key.document())
