"""Query parameters that nobody reads are mistakes: `?stauts=failed` must not list every job.

Runs before every route. Whatever cannot be stored as text is refused here too, for queries and paths alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from api.strict_json import is_storable
from models.errors import BadRequest, FieldError, Unprocessable

_LABEL_PREFIX: Final = "label."
_LONGEST_LABEL_KEY: Final = 63


async def label_filters(request: Request) -> dict[str, str]:
    """The filters `label.KEY=VALUE` of a list."""
    return {
        name.removeprefix(_LABEL_PREFIX): value
        for name, value in request.query_params.items()
        if name.startswith(_LABEL_PREFIX)
    }


LabelsDep = Annotated[dict[str, str], Depends(label_filters)]


def _refuse_unknown(request: Request) -> None:
    known = _known(_Key(request.scope["route"].dependant))
    given = request.query_params
    for name in given:
        if not _is_known(name, known):
            raise _unknown(name, known)
        if len(given.getlist(name)) > 1 and not known.get(name, False):
            raise Unprocessable(
                f"?{name} is given more than once.",
                code="invalid_parameter",
                errors=[FieldError(f"?{name}", "give it once")],
            )
    if not all(map(is_storable, (request.url.path, *given, *given.values(), *request.path_params.values()))):
        raise BadRequest("The address holds U+0000 or half of a surrogate pair.", code="invalid_parameter")


def _is_known(name: str, known: dict[str, bool]) -> bool:
    if name.startswith(_LABEL_PREFIX):
        return _LABEL_PREFIX in known and 0 < len(name) - len(_LABEL_PREFIX) <= _LONGEST_LABEL_KEY
    return name in known


async def known_parameters(request: Request) -> None:
    """Refuse query parameters that the route does not declare. Raises Unprocessable, naming those that it does."""
    if request.query_params or "%" in request.scope.get("raw_path", b"").decode("latin-1"):
        _refuse_unknown(request)


KnownParametersDep = Depends(known_parameters)


def _unknown(name: str, known: dict[str, bool]) -> Unprocessable:
    there_are = ", ".join(sorted(known)) or "none"
    detail = f"is no parameter of this address; it takes {there_are}"
    return Unprocessable(
        f"?{name[:64]} {detail}.", code="invalid_parameter", errors=[FieldError(f"?{name[:64]}", detail)]
    )


class _Key:
    """A dependant as a cache key: routes live as long as the process."""

    def __init__(self, dependant: Dependant) -> None:
        self.dependant = dependant

    def __hash__(self) -> int:
        return id(self.dependant)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.dependant is other.dependant


@lru_cache(maxsize=256)
def _known(key: _Key) -> dict[str, bool]:
    """Each query parameter of a route, and whether it may be repeated."""
    known: dict[str, bool] = {}
    for dependant in _all(key.dependant):
        known |= {field.alias: _is_list(field.field_info.annotation) for field in dependant.query_params}
        if dependant.call is label_filters:
            known[_LABEL_PREFIX] = False
    return known


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for inner in dependant.dependencies:
        yield from _all(inner)


def _is_list(annotation: Any) -> bool:
    return "list[" in str(annotation)
