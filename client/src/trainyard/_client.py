"""The client: one service, one key."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ._configuration import find_key, find_url
from ._datasets import Datasets
from ._jobs import Jobs
from ._keys import Keys
from ._projects import Audit, Projects
from ._records import Version
from ._transport import Transport
from ._webhooks import Webhooks
from ._workers import Workers


class Client:
    """Speaks to one Trainyard service.

        with Client() as client:
            job = client.jobs.submit({"data": {"dataset": "digits"}}).wait().raise_for_status()
            print(job.result.test)

    `base_url` falls back to `TRAINYARD_URL`, then to http://127.0.0.1:8000; `api_key` to `TRAINYARD_API_KEY`, then, for
    a service on this machine, to the file `.trainyard/admin.key`. `timeout` is in seconds, for one answer. A request
    that may be repeated is, up to `max_retries` times, with growing pauses or as the service's `Retry-After` says.
    May be shared between threads. Raises ConfigurationError when the address or the key cannot be used.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 30.0,
        max_retries: int = 5,
    ) -> None:
        url = find_url(base_url)
        self._transport = Transport(url=url, key=find_key(api_key, url=url), timeout=timeout, max_retries=max_retries)
        self.jobs = Jobs(self._transport)
        self.datasets = Datasets(self._transport)
        self.keys = Keys(self._transport)
        self.projects = Projects(self._transport)
        self.audit = Audit(self._transport)
        self.webhooks = Webhooks(self._transport)
        self.workers = Workers(self._transport)

    def __repr__(self) -> str:
        return f"<Client {self.base_url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """The address of the service, without a slash at its end."""
        return str(self._transport.url).rstrip("/")

    @property
    def version(self) -> Version:
        """Which service answers, asked of the service."""
        return Version.parse(self._transport.get("/version"))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
