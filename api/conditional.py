"""Conditional requests (RFC 9110) and the `Prefer` header (RFC 7240)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from api.replies import json_bytes
from models.errors import BadRequest, PreconditionFailed

LONGEST_WAIT_SECONDS: Final = 60
_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')
_WAIT = re.compile(r'(?:^|[,;\s])wait\s*=\s*"?([^",;\s]*)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Representation:
    """A document as JSON, and its strong tag: a digest of all that is visible, so it changes exactly when something
    does.
    """

    content: bytes
    etag: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Representation:
        """The document, which is not empty, with its tag inside as `etag`."""
        content = json_bytes(document)
        etag = strong_etag(content)
        return cls(content[:-1] + b',"etag":' + json_bytes(etag) + b"}", etag)

    @property
    def headers(self) -> dict[str, str]:
        """What goes with it: a client may keep it, and asks before it uses it again."""
        return {"ETag": self.etag, "Cache-Control": "private, no-cache"}

    def response(self, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """The whole answer; for 304 without the content."""
        content = None if status == 304 else self.content
        return Response(
            content, status_code=status, headers={**self.headers, **(headers or {})}, media_type="application/json"
        )


def strong_etag(content: bytes) -> str:
    """A strong entity tag of a representation: the same bytes have the same tag, in every process."""
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Whether `If-None-Match` names this tag (weak comparison, lists, `*`). Raises BadRequest when it is malformed."""
    if if_none_match is None:
        return False
    tags = _tags(if_none_match, header="If-None-Match")
    return tags is None or any(tag == etag for _, tag in tags)


def require(etag: str, if_match: str | None) -> None:
    """Hold `If-Match` against this tag (strong comparison, lists, `*`). Raises PreconditionFailed and BadRequest."""
    if if_match is None:
        return
    tags = _tags(if_match, header="If-Match")
    if tags is not None and not any(tag == etag and not is_weak for is_weak, tag in tags):
        raise PreconditionFailed("This is not the current version any more; read it again.", etag=etag)


def _tags(value: str, *, header: str) -> list[tuple[bool, str]] | None:
    """(is weak, tag) of each entry; None for `*`."""
    if value.strip() == "*":
        return None
    tags, position = [], 0
    while position < len(value):
        match = _TAG.match(value, position)
        if match is None:
            raise BadRequest(f'{header} takes quoted tags such as "abc", or *, not {value[position:][:64]!r}.')
        tags.append((match[1] is not None, f'"{match[2]}"'))
        position = match.end()
    return tags


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a client would wait for news, after the service's own limit."""

    seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """What says that the wish was heard."""
        return {"Preference-Applied": f"wait={self.seconds}", "Vary": "Prefer"}


def wait_preference(header: str | None) -> Wait | None:
    """`Prefer: wait=N`, cut to a minute; other preferences are ignored, as the RFC asks.

    Raises BadRequest when N is no number of seconds.
    """
    match = _WAIT.search(header or "")
    if match is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", match[1]):
        raise BadRequest(f"Prefer: wait takes whole seconds, such as wait=30, not {match[1][:32]!r}.")
    return Wait(min(int(match[1]), LONGEST_WAIT_SECONDS))
