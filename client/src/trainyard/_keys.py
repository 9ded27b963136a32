"""API keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
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

        Raises Unprocessable for a scope that does not exist, Forbidden for a key that is more than this one.
        """
        body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
        if project is not None:
            body["project"] = project
        if expires_at is not None:
            body["expires_at"] = expires_at.astimezone().isoformat()
        return Key.parse(self._transport.post("/v1/keys", body=body))

    def list(self, *, project: str | None = None) -> Iterator[Key]:
        """The keys of the project (default: this key's own), newest first, without their secrets."""
        params = {} if project is None else {"project": project}
        return (Key.parse(document) for document in listing(self._transport, "/v1/keys", params=params))

    def rotate(self, key_id: str, *, grace: timedelta = timedelta(days=1)) -> Key:
        """Give a key another secret, in `key` of the answer; the one it had stays good for `grace`.

        Raises NotFound, and Conflict for a key that is revoked or expired.
        """
        body = {"grace_seconds": round(grace.total_seconds())}
        return Key.parse(self._transport.post(f"/v1/keys/{key_id}/rotate", body=body))

    def revoke(self, key_id: str) -> Key:
        """Make a key worthless at once. Raises NotFound."""
        return Key.parse(self._transport.json(self._transport.request("DELETE", f"/v1/keys/{key_id}")))
