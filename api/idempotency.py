"""`Idempotency-Key`: whoever lost the answer to a POST sends it again and gets the same answer, not a second job."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import sealing
from api.auditing import Change, ChangeDep
from api.bodies import JsonBody, OptionalJsonBody
from api.conditional import Representation
from api.replies import json_bytes
from api.service import Service, ServiceDep
from models import idempotency
from models.errors import BadRequest, Conflict
from models.fingerprints import fingerprint

_LONGEST_KEY: Final = 255
_SEALED: Final = "sealed-member"  # among the stored headers; never sent
_NOT_YOURS: Final = "This was done before, and its secret is shown again only to the very key that asked for it then."
_KEY: Final = re.compile(r'"([\x20\x21\x23-\x7e]+)"|([\x21\x23-\x7e]+)')
_DESCRIPTION: Final = (
    "A fresh name for this request, as a quoted string. Sent again under it, the request is answered and not repeated."
)


@dataclass(frozen=True, slots=True)
class Created:
    """A new resource: what is shown of it, and where it is. `sealed` names a member that is kept sealed."""

    representation: Representation
    location: str
    sealed: str | None = None


@dataclass(frozen=True, slots=True)
class _Identity:
    """What makes two requests the same: who sent them, under which key, to do what, with which content."""

    project: str
    key: str
    operation: str
    fingerprint: str


class Creation:
    """A request that makes something, once."""

    def __init__(self, service: Service, change: Change, identity: _Identity | None, *, token: str = "") -> None:
        self._service = service
        self._change = change
        self._identity = identity
        self._token = token

    async def replay_soon(self) -> Response | None:
        """As `replay`, for a coroutine: what has no key was never asked before."""
        return None if self._identity is None else await run_in_threadpool(self.replay)

    def replay(self) -> Response | None:
        """The answer that this very request got before. Raises Unprocessable and Conflict."""
        if self._identity is None:
            return None
        with self._service.database.reading() as connection:
            earlier = idempotency.replay(connection, **asdict(self._identity))
        return None if earlier is None else self._replayed(earlier)

    def run(self, create: Callable[[Any], Created], *, status: int = 201) -> Response:
        """Create in one transaction that also keeps the answer and who asked; where a twin of the request was faster,
        give its answer.
        """
        with self._service.database.unit_of_work() as connection:
            return self._run(connection, create, status)

    async def run_soon(self, create: Callable[[Any], Created], *, status: int = 201) -> Response:
        """The same in one commit with what others create at this moment, and without a thread."""
        return await self._service.writer.run(lambda connection: self._run(connection, create, status))

    def _run(self, connection: Any, create: Callable[[Any], Created], status: int) -> Response:
        if self._identity is not None:
            earlier = idempotency.begin(connection, **asdict(self._identity))
            if earlier is not None:
                return self._replayed(earlier)
        created = create(connection)
        content, headers = created.representation.content, created.representation.headers
        headers |= {"Location": created.location}
        if created.sealed is not None:
            headers["Cache-Control"] = "no-store"
        self._change.note(connection, resource=created.location.rpartition("/")[2])
        if self._identity is not None:
            identity = asdict(self._identity)
            del identity["fingerprint"]
            kept = headers if created.sealed is None else {**headers, _SEALED: created.sealed}
            idempotency.finish(connection, **identity, status=status, body=self._kept(created), headers=kept)
        return Response(content, status_code=status, headers=headers, media_type="application/json")

    def _kept(self, created: Created) -> str:
        """The answer as it is stored."""
        content = created.representation.content.decode()
        if created.sealed is None:
            return content
        document = json.loads(content)
        sealed = sealing.seal(document[created.sealed], under=self._token)
        return json.dumps({**document, created.sealed: sealed})

    def _replayed(self, earlier: idempotency.Replay) -> Response:
        """The stored answer again. Raises Conflict where its secret is not this caller's to see."""
        headers = {**earlier.headers, "Idempotency-Replayed": "true"}
        content, secret = earlier.body, headers.pop(_SEALED, None)
        if secret is not None:
            document = json.loads(content)
            document[secret] = sealing.unseal(document[secret], under=self._token)
            if document[secret] is None:
                raise Conflict(_NOT_YOURS, code="secret_not_replayable", resource=document["id"])
            content = json_bytes(document).decode()
        return Response(content, status_code=earlier.status, headers=headers, media_type="application/json")


Key = Annotated[str | None, Header(description=_DESCRIPTION, examples=['"5f0c1d2e"'])]


async def _creation(
    request: Request, service: ServiceDep, change: ChangeDep, document: JsonBody, idempotency_key: Key = None
) -> Creation:
    return _begun(request, service, change, document, idempotency_key)


async def _optional_creation(
    request: Request, service: ServiceDep, change: ChangeDep, document: OptionalJsonBody, idempotency_key: Key = None
) -> Creation:
    return _begun(request, service, change, document, idempotency_key)


def _begun(
    request: Request, service: Service, change: Change, document: dict[str, Any], idempotency_key: str | None
) -> Creation:
    if idempotency_key is None:
        return Creation(service, change, None)
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
    return Creation(service, change, identity, token=request.headers["authorization"].partition(" ")[2])


CreationDep = Annotated[Creation, Depends(_creation)]
#: The same where the body may be left out.
OptionalCreationDep = Annotated[Creation, Depends(_optional_creation)]
