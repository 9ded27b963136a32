"""What a request changed, for the audit log, in the transaction of the change itself.

Every route that changes something asks for a `ChangeDep` and makes its change in `change.transaction()`; an application
with a route that does not is not started.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute

from api.refusals import CHANGING, entry
from api.service import Service, ServiceDep
from models import audit
from models.audit import Entry
from models.database import Connection

#: Asks by POST because rows are long, and changes nothing.
READING: Final = frozenset({"predict_rows"})


class Change:
    """A change that a request makes, and its line in the audit log."""

    def __init__(self, service: Service, entry: Entry) -> None:
        self._service = service
        self._entry = entry

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: the change, and who made it."""
        with self._service.database.unit_of_work() as connection:
            yield connection
            self.note(connection)

    def note(self, connection: Connection, *, resource: str | None = None) -> None:
        """Write the line, for a change whose transaction is somebody else's, or that makes a resource."""
        audit.write(connection, self._entry if resource is None else replace(self._entry, resource=resource))


async def changing(request: Request, service: ServiceDep) -> Change:
    """The change that this request is about to make."""
    return Change(service, entry(request.scope))


ChangeDep = Annotated[Change, Depends(changing)]


def unaudited(routes: Iterable[BaseRoute | RouteContext]) -> list[str]:
    """The paths of routes that change something and leave no line."""
    return [
        f"{method} {route.path}"
        for route in iter_route_contexts(list(routes))
        if hasattr(route, "dependant") and route.name not in READING and not _is_audited(route.dependant)
        for method in sorted(set(route.methods or ()) & CHANGING)
    ]


def _is_audited(dependant: Dependant) -> bool:
    return dependant.call is changing or any(map(_is_audited, dependant.dependencies))
