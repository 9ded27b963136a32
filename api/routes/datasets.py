"""Datasets: declare, upload, read, delete."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import outbound, schemas
from api.answers import answers, body
from api.auditing import ChangeDep
from api.authentication import DatasetsRead, DatasetsWrite
from api.bodies import JsonBody, UnsupportedMediaType, blocks, validated
from api.conditional import Representation, is_known
from api.discarding import discard_content
from api.idempotency import Created, CreationDep
from api.pagination import PagingDep
from api.service import Service, ServiceDep
from api.uploads import Upload
from models import datasets, formats
from models.datasets import Dataset
from models.errors import BadRequest, Conflict, FieldError, PayloadTooLarge, Unprocessable
from models.samples import public

router = APIRouter(tags=["datasets"])

_EXAMPLE = {
    "name": "adult",
    "format": "csv",
    "bytes": 3974305,
    "options": {"header": False, "columns": ["age", "income"]},
}
_CONTENT = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "/v1/datasets",
    status_code=201,
    responses=answers(schemas.Dataset, 409, 413, 415, status=201),
    openapi_extra=body("DatasetDeclaration", example=_EXAMPLE),
)
def declare_dataset(
    service: ServiceDep, principal: DatasetsWrite, document: JsonBody, creation: CreationDep
) -> Response:
    """Announce a dataset. Its content follows by `PUT …/content`, or is fetched from `url` where that is allowed."""
    declared = validated(schemas.DatasetDeclaration, document)
    if declared.url is not None:
        _check_source(service, declared.url, format=declared.format)
    options = formats.parse_options(declared.format, declared.options).model_dump(mode="json", exclude_unset=True)
    if (declared.bytes or 0) > service.settings.max_upload_bytes:
        limit = service.settings.max_upload_bytes
        raise PayloadTooLarge(f"A dataset may have {limit} bytes, not {declared.bytes}.", max_bytes=limit)

    def declare(connection: Any) -> Created:
        dataset = datasets.declare(
            connection,
            project=principal.project,
            name=declared.name,
            format=declared.format,
            options=options,
            num_bytes=declared.bytes or 0,
            sha256=declared.sha256,
            source_url=declared.url,
        )
        return Created(Representation.of(dataset.document()), location=f"/v1/datasets/{dataset.id}")

    return creation.run(declare)


@router.put(
    "/v1/datasets/{dataset_id}/content",
    status_code=202,
    responses={
        200: {"description": "The part has been taken in; more is to come.", "model": schemas.Dataset},
        **answers(schemas.Dataset, 404, 409, 413, 415, status=202),
    },
    openapi_extra=_CONTENT,
)
async def upload_content(
    dataset_id: str,
    request: Request,
    service: ServiceDep,
    change: ChangeDep,
    principal: DatasetsWrite,
    upload_offset: Annotated[str, Header(description="Where this part begins: the `received_bytes` so far.")] = "0",
    upload_complete: Annotated[str, Header(description="`?0` for a part that is not the last.")] = "?1",
) -> Response:
    """The content as a raw body, streamed to disk: whole, or in parts. 202 when it is whole; then it is profiled."""
    _check_kind(request)
    offset, is_last = _offset(upload_offset), _is_last(upload_complete)
    dataset = await run_in_threadpool(_get, service, project=principal.project, dataset_id=dataset_id)
    if dataset.source_url is not None:
        raise Conflict("The content of this dataset is fetched from its URL.", code="content_imported")
    content = blocks(request, max_bytes=max(0, dataset.bytes - offset), idle_seconds=service.settings.body_seconds)
    received = await Upload(service, dataset, offset, change).receive(content, is_last=is_last)
    is_whole = received.status != datasets.AWAITING_CONTENT
    headers = {"Upload-Offset": str(received.received_bytes)}
    return Representation.of(received.document()).response(status=202 if is_whole else 200, headers=headers)


@router.get("/v1/datasets", responses=answers(schemas.DatasetPage))
def list_datasets(service: ServiceDep, principal: DatasetsRead, paging: PagingDep) -> Response:
    """Datasets, newest first."""
    wanted = paging.wanted({})
    with service.database.reading() as connection:
        found = datasets.listing(connection, project=principal.project, page=wanted)
    return paging.response(found, filters={}, key=lambda dataset: dataset.id, document=Dataset.document)


@router.get(
    "/v1/datasets/{dataset_id}",
    responses=answers(schemas.Dataset, 404) | {304: {"description": "Nothing has changed."}},
)
def get_dataset(
    dataset_id: str,
    service: ServiceDep,
    principal: DatasetsRead,
    if_none_match: Annotated[str | None, Header(description="An `ETag`: answer 304 where nothing has changed.")] = None,
) -> Response:
    """One dataset, with what is known about its content."""
    found = Representation.of(_get(service, project=principal.project, dataset_id=dataset_id).document())
    return found.response(status=304 if is_known(found.etag, if_none_match) else 200)


@router.delete("/v1/datasets/{dataset_id}", status_code=204, responses=answers(None, 404, 409, status=204))
def delete_dataset(dataset_id: str, service: ServiceDep, change: ChangeDep, principal: DatasetsWrite) -> Response:
    """Forget a dataset that no unfinished job uses; its bytes go with the last dataset that has the same content."""
    with change.transaction() as connection:
        location = datasets.remove(connection, project=principal.project, dataset_id=dataset_id)
    service.artifacts.workspace(f"uploads/{dataset_id}").unlink(missing_ok=True)
    if location is not None:
        discard_content(service, location)
    return Response(status_code=204)


def _get(service: Service, *, project: str, dataset_id: str) -> Dataset:
    with service.database.reading() as connection:
        return datasets.get(connection, project=project, dataset_id=dataset_id)


def _check_kind(request: Request) -> None:
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise UnsupportedMediaType("Send the bytes themselves as the body, not a form.")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the bytes as they are, without Content-Encoding.")


def _offset(header: str) -> int:
    if not (header.isascii() and header.isdigit() and len(header) < 19):
        raise BadRequest(f"Upload-Offset takes a number of bytes, not {header[:32]!r}.", code="invalid_upload_offset")
    return int(header)


def _is_last(header: str) -> bool:
    if header not in {"?0", "?1"}:
        raise BadRequest(f"Upload-Complete takes ?0 or ?1, not {header[:32]!r}.", code="invalid_upload_complete")
    return header == "?1"


def _check_source(service: Service, url: str, *, format: str) -> None:  # noqa: A002 - the word clients use
    """Raise Unprocessable for a URL that the service may not fetch from, as far as it can be said without a look-up."""
    settings = service.settings
    if url.startswith(public.SCHEME) and settings.dataset_urls != "none":
        return _check_public(url, format=format)
    if settings.dataset_urls == "none":
        raise _refused("#/url", "is not read: this service imports no datasets; TRAINYARD_DATASET_URLS allows it")
    try:
        outbound.check_url(url, allowed=settings.import_networks)
    except outbound.Refused as refused:
        raise _refused("#/url", str(refused)) from None


def _check_public(url: str, *, format: str) -> None:  # noqa: A002 - the word clients use
    try:
        found = public.named(url)
    except KeyError:
        names = ", ".join(public.SCHEME + name for name in public.PUBLIC)
        raise _refused("#/url", f"names no public dataset; there are {names}") from None
    if found is not None and found.format != format:
        raise _refused("#/format", f"must be {found.format} for {url}")


def _refused(at: str, detail: str) -> Unprocessable:
    return Unprocessable(f"{at} {detail}.", code="invalid_body", errors=[FieldError(at, detail)])
