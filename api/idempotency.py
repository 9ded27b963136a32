"""`Idempotency-Key`: whoever lost the answer to a POST sends it again and gets the same answer, not a second job."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request
from starlette.responses import Response

from api.bodies import JsonBody, OptionalJsonBody
from api.conditional import Representation
from api.service import Service, ServiceDep
from models import idempotency
from models.errors import BadRequest
from models.fingerprints import fingerprint

_LONGEST_KEY: Final = 255
_KEY: Final = re.compile(r'"([\x20\x21\x23-\x7e]+)"|([\x21\x23-\x7e]+)')
_DESCRIPTION: Final = (
    "A fresh name for this request, as a quoted string. Sent again under it, the request is answered and not repeated."
)


@dataclass(frozen=True, slots=True)
class Created:
    """A new resource: what is shown of it, and where it is."""

    representation: Representation
    location: str


@dataclass(frozen=True, slots=True)
class _Identity:
    """What makes two requests the same: who sent them, under which key, to do what, with which content."""

    project: str
    key: str
    operation: str
    fingerprint: str


class Creation:
    """A request that makes something, once."""

    def __init__(self, service: Service, identity: _Identity | None) -> None:
        self._service = service
        self._identity = identity

    def replay(self) -> Response | None:
        """The answer that this very request got before. Raises Unprocessable and Conflict."""
        if self._identity is None:
            return None
        with self._service.database.reading() as connection:
            earlier = idempotency.replay(connection, **asdict(self._identity))
        return None if earlier is None else _replayed(earlier)

    def run(self, create: Callable[[Any], Created]) -> Response:
        """Create in one transaction that also keeps the answer; where a twin of the request was faster, give its
        answer.
        """
        with self._service.database.unit_of_work() as connection:
            if self._identity is not None:
                earlier = idempotency.begin(connection, **asdict(self._identity))
                if earlier is not None:
                    return _replayed(earlier)
            created = create(connection)
            content, headers = created.representation.content, created.representation.headers
            headers |= {"Location": created.location}
            if self._identity is not None:
                identity = asdict(self._identity)
                del identity["fingerprint"]
                idempotency.finish(connection, **identity, status=201, body=content.decode(), headers=headers)
        return Response(content, status_code=201, headers=headers, media_type="application/json")


Key = Annotated[str | None, Header(description=_DESCRIPTION, examples=['"5f0c1d2e"'])]


async def _creation(request: Request, service: ServiceDep, document: JsonBody, idempotency_key: Key = None) -> Creation:
    return _begun(request, service, document, idempotency_key)


async def _optional_creation(
    request: Request, service: ServiceDep, document: OptionalJsonBody, idempotency_key: Key = None
) -> Creation:
    return _begun(request, service, document, idempotency_key)


def _begun(request: Request, service: Service, document: dict[str, Any], idempotency_key: str | None) -> Creation:
    if idempotency_key is None:
        return Creation(service, None)
    match = _KEY.fullmatch(idempotency_key.strip())
    if match is None or len(idempotency_key) > _LONGEST_KEY:
        raise BadRequest(
            f'Idempotency-Key takes a quoted string of at most {_LONGEST_KEY} visible characters, such as "5f0c1d2e".',
            code="invalid_idempotency_key",
        )
    identity = _Identity(
        project=request.state.principal.project,
        key=match[1] or match[2],
        operation=f"{request.method} {request.url.path}",
        fingerprint=fingerprint([document, sorted(request.query_params.multi_items())]),
    )
    return Creation(service, identity)


CreationDep = Annotated[Creation, Depends(_creation)]
#: The same where the body may be left out.
OptionalCreationDep = Annotated[Creation, Depends(_optional_creation)]


def _replayed(earlier: idempotency.Replay) -> Response:
    headers = {**earlier.headers, "Idempotency-Replayed": "true"}
    return Response(earlier.body, status_code=earlier.status, headers=headers, media_type="application/json")
