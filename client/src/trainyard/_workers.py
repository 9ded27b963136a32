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

    def drain(self, worker_id: str) -> Worker:
        """Have a worker finish what it runs and take nothing new; needs a key of scope admin. Raises NotFound."""
        return Worker.parse(self._transport.post(f"/v1/workers/{worker_id}/drain"))
