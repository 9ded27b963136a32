"""Whether the service is ready, asked the way a client would: over HTTP."""

import json
import urllib.error
import urllib.request
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

PROBE_JOB = {"data": {"dataset": "digits"}}


@dataclass(frozen=True)
class Door:
    """The HTTP entrance of a service: its base URL and a key."""

    url: str
    key: str

    def call(self, method: str, path: str, *, body: object = None, timeout_seconds: float = 5.0) -> Any:
        """Send a request and return the JSON answer. Raises OSError when nobody answers or the answer is an error."""
        request = urllib.request.Request(  # noqa: S310 the URL is the launcher's own
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:  # noqa: S310
            return json.load(answer)

    def takes_jobs(self, *, earlier_workers: AbstractSet[str] = frozenset()) -> bool:
        """Say whether a job would be accepted and a worker that was not there earlier is there to run it."""
        try:
            present = {worker["id"] for worker in self.call("GET", "/v1/workers")["data"]}
            return not present <= earlier_workers and bool(self.call("POST", "/v1/jobs?dry_run=schema", body=PROBE_JOB))
        except OSError:
            return False
