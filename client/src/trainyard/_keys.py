"""API keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from ._pagination import listing
from ._records import Key
from ._transport import Transport


class Keys:
    """`client.keys`; needs a key of scope admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        *,
        scopes: Sequence[str],
        project: str | None = None,
        expires_at: datetime | None = None,
    ) -> Key:
        """Make a key for the project (default: this key's own). Its secret is in `key` of the answer and nowhere else.

        Raises Unprocessable for a scope that does not exist.
        """
        body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
        if project is not None:
            body["project"] = project
        if expires_at is not None:
            body["expires_at"] = expires_at.astimezone().isoformat()
        # A repetition would leave behind a key whose secret nobody has seen.
        return Key.parse(self._transport.post("/v1/keys", body=body, may_repeat=False))

    def list(self) -> Iterator[Key]:
        """All keys, newest first, without their secrets."""
        return (Key.parse(document) for document in listing(self._transport, "/v1/keys"))

    def revoke(self, key_id: str) -> Key:
        """Make a key worthless at once. Raises NotFound."""
        return Key.parse(self._transport.json(self._transport.request("DELETE", f"/v1/keys/{key_id}")))
