"""How a route documents its answers: the shape of the good one, and which problems there are."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from api import errors
from api.schemas import Problem

Answers = dict[int | str, dict[str, Any]]

#: What each status means here, when the standard's own words say too little.
_MEANINGS: Final = {
    400: "The request cannot be understood; `detail` says where.",
    401: "No key, or one that is wrong, expired or revoked.",
    403: "The key lacks the scope.",
    404: "There is no such thing in the key's project.",
    408: "The body took too long to arrive.",
    409: "The state of the resource forbids it; the problem tells the state.",
    412: "`If-Match` names a version that is no longer current.",
    413: "The body is longer than the service accepts.",
    415: "The body is not JSON.",
    416: "The range lies outside of the file.",
    422: "A field or parameter is wrong; `errors` points at each.",
    429: "A rate limit or a quota is used up; `Retry-After` says when to come again.",
    503: "The database or the artifact store does not answer; try again.",
    504: "It takes longer than a request may; ask for less.",
}


def answers(shape: type[BaseModel] | None, *problems: int, status: int = 200, **more: Any) -> Answers:
    """The answers of a route: one good one, and problem documents for these statuses besides the ever possible ones."""
    good: dict[str, Any] = {"description": more.pop("description", HTTPStatus(status).phrase), **more}
    if shape is not None:
        good["model"] = shape
    of_bodies = {408} if 413 in problems else set()
    everywhere = {400, 401, 403, 422, 429, 503}
    return {status: good, **{code: problem(code) for code in sorted({*everywhere, *of_bodies, *problems})}}


def problem(status: int) -> dict[str, Any]:
    """A problem document as a documented answer."""
    reference = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {"description": _MEANINGS[status], "content": {errors.MEDIA_TYPE: {"schema": reference}}}


def body(shape: str, *, example: Any = None, required: bool = True) -> dict[str, Any]:
    """A JSON request body as `openapi_extra`; `shape` names a component."""
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{shape}"}}
    if example is not None:
        content["example"] = example
    return {"requestBody": {"required": required, "content": {"application/json": content}}}
