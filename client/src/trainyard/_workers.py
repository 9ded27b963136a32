"""The workers that are alive."""

from __future__ import annotations

from ._records import Worker
from ._transport import Transport


class Workers:
    """`client.workers`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> list[Worker]:
        """Every live worker with its devices and current jobs."""
        return [Worker.parse(document) for document in self._transport.get("/v1/workers")["data"]]
