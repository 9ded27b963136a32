"""Finds a request's route by an index and calls it by a plan, both made once.

FastAPI tries its routes one after the other and walks the tree of a route's dependencies anew for every request, which
for a small answer costs more than the answer. What it declares is what counts here too: paths, parameters, order and
dependencies are read from its routes. A request that the index does not know (another method, no such path, a mounted
folder) and a route that a plan cannot hold (a body parameter, a dependency with `yield`) go on to FastAPI.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from fastapi import Request
from fastapi.dependencies.models import (
    Dependant,
    _get_cache_key,
    _get_oauth_scopes,
    _is_async_gen_callable,
    _is_coroutine_callable,
    _is_gen_callable,
)
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.security import SecurityScopes
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors

_DEEPEST: Final = 16  # segments of a path with an open end; what is longer goes on to FastAPI
#: Where parameters may stand that nothing is checked of, and what they are annotated with there.
_WORDS: Final[dict[str, Any]] = {"path_params": str, "headers": str | None}
_Place = tuple[str, int, str]  # method, number of segments, the one that names the resource


class Dispatch:
    """Wraps FastAPI's own routing as plain ASGI, inside the edge."""

    def __init__(self, app: ASGIApp, *, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._index = _indexed(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the route's plan, if there is one."""
        if scope["type"] == "http" and not scope.get("root_path"):
            for path in self._index.get(_place(scope["method"], scope["path"]), ()):
                if (match := path.match(scope["path"])) is not None:
                    scope.update(endpoint=path.plan.call, path_params=match.groupdict(), route=path.route)
                    await _answer(path.plan, Request(scope, receive, send), send)
                    return
        await self._app(scope, receive, send)

    def plans(self) -> Iterator[Plan]:
        """Every plan that there is."""
        return iter({id(path.plan): path.plan for paths in self._index.values() for path in paths}.values())


@dataclass(frozen=True, slots=True)
class _Path:
    """One route and what its path looks like."""

    match: Callable[[str], Any]
    route: APIRoute
    plan: Plan


@dataclass(frozen=True, slots=True)
class _Parameters:
    """Parameters that FastAPI checks, from one attribute of the request."""

    fields: list[Any]
    where: str
    defaults: dict[str, Any] | None  # by their names, where all may be left out; None where not

    def read(self, request: Request) -> tuple[dict[str, Any], list[Any]]:
        """Their values, and what is wrong with them. Where none is given there is nothing to check."""
        given = getattr(request, self.where)
        if self.defaults is not None and not any(field.alias in given for field in self.fields):
            return self.defaults, []
        return request_params_to_args(self.fields, given)


@dataclass(frozen=True, slots=True)
class _Step:
    """One call: a dependency, or at the end the endpoint."""

    call: Callable[..., Any]
    is_coroutine: bool
    given: tuple[tuple[str, int], ...]  # arguments that are results of earlier steps
    words: tuple[tuple[str, str, str], ...]  # optional headers and segments of the path that are taken as they are
    parameters: tuple[_Parameters, ...]
    fixed: dict[str, Any]
    requests: tuple[str, ...]  # arguments that are the request itself

    def values(self, request: Request, results: Sequence[Any]) -> tuple[dict[str, Any], list[Any]]:
        """Its arguments, and what is wrong with the parameters among them."""
        values, mistakes = dict(self.fixed), []
        for name, where, alias in self.words:
            values[name] = getattr(request, where).get(alias)
        for parameters in self.parameters:
            found, wrong = parameters.read(request)
            values.update(found)
            mistakes += wrong
        for name in self.requests:
            values[name] = request
        for name, place in self.given:
            values[name] = results[place]
        return values, mistakes

    def needs(self, missing: Collection[int]) -> bool:
        """Whether an argument is the result of a step that was left out."""
        return any(place in missing for _, place in self.given)

    async def run(self, values: dict[str, Any]) -> Any:
        """Call it; what is no coroutine, in a thread."""
        return await self.call(**values) if self.is_coroutine else await run_in_threadpool(self.call, **values)


class Plan:
    """A route's dependencies in the order of their calls, each once, and the endpoint behind them."""

    def __init__(self, dependant: Dependant) -> None:
        """Raises ValueError for what a plan cannot hold."""
        self._steps: list[_Step] = []
        self._places: dict[Any, int] = {}
        self._add(dependant)
        self.call = self._steps[-1].call

    async def run(self, request: Request) -> Any:
        """What the endpoint answers. Raises RequestValidationError with every wrong parameter, or what a step raises.

        A step whose parameters are wrong is left out, and so is whatever needs it; the others are run first, so that a
        stranger hears that he is one and not what was wrong with his question.
        """
        results: list[Any] = []
        mistakes: list[Any] = []
        missing: set[int] = set()
        for place, step in enumerate(self._steps):
            values, wrong = step.values(request, results)
            mistakes += wrong
            is_last = place == len(self._steps) - 1
            if wrong or (mistakes and (is_last or step.needs(missing))):
                missing.add(place)
                results.append(None)
            else:
                results.append(await step.run(values))
        if mistakes:
            raise RequestValidationError(mistakes)
        return results[-1]

    def _add(self, dependant: Dependant) -> int:
        given = [(inner.name, self._place(inner)) for inner in dependant.dependencies]
        _check(dependant)
        sources = {
            "path_params": dependant.path_params,
            "query_params": dependant.query_params,
            "headers": dependant.header_params,
            "cookies": dependant.cookie_params,
        }
        fixed = {}
        if dependant.security_scopes_param_name:
            fixed[dependant.security_scopes_param_name] = SecurityScopes(_get_oauth_scopes(dependant=dependant))
        requests = (dependant.request_param_name, dependant.http_connection_param_name)
        step = _Step(
            call=cast("Callable[..., Any]", dependant.call),
            is_coroutine=_is_coroutine_callable(dependant.call),
            given=tuple((name, place) for name, place in given if name is not None),
            words=tuple(word for where, fields in sources.items() for word in _words(fields, where)),
            parameters=tuple(
                _Parameters(checked, where, _defaults(checked))
                for where, fields in sources.items()
                if (checked := [field for field in fields if not _is_word(field, where)])
            ),
            fixed=fixed,
            requests=tuple(name for name in requests if name is not None),
        )
        self._steps.append(step)
        return len(self._steps) - 1

    def _place(self, dependant: Dependant) -> int:
        """Where the result of a dependency is found."""
        key = _get_cache_key(dependant=dependant, uses_scopes_cache={})
        if not dependant.use_cache or key not in self._places:
            self._places[key] = self._add(dependant)
        return self._places[key]


def _is_word(field: Any, where: str) -> bool:
    """Whether a parameter is any text at all, and always there or None."""
    info = field.field_info
    if info.metadata or info.validation_alias is not None or where not in _WORDS:
        return False
    return info.annotation == _WORDS[where] and (where == "path_params" or info.default is None)


def _defaults(fields: Sequence[Any]) -> dict[str, Any] | None:
    """What the parameters are when none is given; None where one must be, or where the default could be changed."""
    defaults = {field.name: field.field_info.default for field in fields}
    fixed = all(value is None or isinstance(value, bool | int | float | str) for value in defaults.values())
    return defaults if fixed and not any(field.field_info.is_required() for field in fields) else None


def _words(fields: Iterable[Any], where: str) -> Iterator[tuple[str, str, str]]:
    return ((field.name, where, field.alias) for field in fields if _is_word(field, where))


def _check(dependant: Dependant) -> None:
    unknown = (
        dependant.body_params,
        dependant.websocket_param_name,
        dependant.background_tasks_param_name,
        dependant.response_param_name,
        dependant.concurrency,
        _is_gen_callable(dependant.call),
        _is_async_gen_callable(dependant.call),
    )
    if any(unknown):
        raise ValueError(f"{dependant.call} needs FastAPI")


async def _answer(plan: Plan, request: Request, send: Send) -> None:
    """Run the plan and send the answer, or the problem where one is raised before the answer begins."""
    begun = False

    async def noting(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        response = await plan.run(request)
        await response(request.scope, request.receive, noting)
    except errors.ANSWERED as error:
        if begun:
            raise RuntimeError("the answer had begun when this was raised") from error
        await (await errors.answer(request, error))(request.scope, request.receive, noting)


def _indexed(routes: Iterable[BaseRoute]) -> dict[_Place, list[_Path]]:
    """The routes by what a request for them looks like, in the order in which they were declared."""
    index: dict[_Place, list[_Path]] = defaultdict(list)
    for context in iter_route_contexts(list(routes)):
        if (path := _planned(context)) is not None:
            for method in context.methods or ():
                for place in _places(method, str(context.path_format), has_open_end=":path}" in str(context.path)):
                    index[place].append(path)
    return dict(index)


def _planned(context: RouteContext) -> _Path | None:
    route = context.original_route
    if not isinstance(route, APIRoute):
        return None
    try:
        return _Path(context.path_regex.match, route, Plan(context.dependant))
    except ValueError:
        return None


def _places(method: str, path: str, *, has_open_end: bool) -> Iterator[_Place]:
    segments = path.count("/") + 1
    for number in range(segments, _DEEPEST + 1 if has_open_end else segments + 1):
        yield method, number, _place(method, path)[2]


def _place(method: str, path: str) -> _Place:
    segments = path.split("/", 3)
    return method, path.count("/") + 1, segments[2] if len(segments) > 2 else ""
