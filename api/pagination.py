"""Lists: `limit` and `cursor` in, a page with `next_cursor` and a `Link` header (RFC 8288) out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from starlette.responses import Response

from api.replies import json_response
from api.service import ServiceDep
from models.pages import DEFAULT_PAGE, LONGEST_PAGE, Cursors, PageRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Paging:
    """The part of a list that a request asks for."""

    request: Request
    cursors: Cursors
    limit: int
    cursor: str | None

    def wanted(self, filters: Mapping[str, Any]) -> PageRequest:
        """The page that the cursor leads to. Raises BadRequest when it belongs to another list or filter."""
        return self.cursors.open(self.cursor, filters=self._scope(filters), limit=self.limit)

    def response(
        self,
        items: Sequence[T],
        *,
        filters: Mapping[str, Any],
        key: Callable[[T], str],
        document: Callable[[T], Mapping[str, Any]],
    ) -> Response:
        """The page as JSON, from up to `limit + 1` items."""
        page = self.cursors.page(items, request=PageRequest(limit=self.limit), filters=self._scope(filters), key=key)
        body = {"data": [document(item) for item in page.items], "next_cursor": page.next_cursor}
        return json_response(body, headers=self._link(page.next_cursor))

    def _scope(self, filters: Mapping[str, Any]) -> dict[str, Any]:
        return {**filters, "path": self.request.url.path, "project": self.request.state.principal.project}

    def _link(self, cursor: str | None) -> dict[str, str]:
        if cursor is None:
            return {}
        others = [item for item in self.request.query_params.multi_items() if item[0] != "cursor"]
        query = urlencode([*others, ("cursor", cursor)])
        return {"Link": f'<{self.request.url.path}?{query}>; rel="next"'}


async def _paging(
    request: Request,
    service: ServiceDep,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="Most things on a page.")] = DEFAULT_PAGE,
    cursor: Annotated[str | None, Query(max_length=512, description="`next_cursor` of the page before.")] = None,
) -> Paging:
    return Paging(request=request, cursors=service.cursors, limit=limit, cursor=cursor)


PagingDep = Annotated[Paging, Depends(_paging)]
