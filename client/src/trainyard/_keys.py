"""API keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ._pagination import listing
from ._records import Key
from ._transport import Transport


class Keys:
    """`client.keys`; needs a key of scope admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str, *, scopes: Sequence[str], project: str | None = None) -> Key:
        """Make a key. Its secret is in `key` of the answer, and never shown again."""
        body = {"name": name, "scopes": list(scopes), **({} if project is None else {"project": project})}
        return Key.parse(self._transport.post("/v1/keys", body=body))

    def list(self) -> Iterator[Key]:
        """All keys, newest first, without their secrets."""
        return (Key.parse(document) for document in listing(self._transport, "/v1/keys"))

    def revoke(self, key_id: str) -> None:
        """End a key at once. Raises NotFound."""
        self._transport.request("DELETE", f"/v1/keys/{key_id}")
