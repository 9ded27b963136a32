"""Datasets fetched from a URL: the same address rules as webhooks, and the same state, checks and end as an upload.

A fetch that is cut goes on where it stopped, if the source still has the same version by its strong tag; a source that
has changed is fetched from the start. Limits of size, rate and time hold whatever the source does.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect

from api import outbound, public_sets
from api.auditing import Change
from api.background import Sweep
from api.service import Service
from api.uploads import Upload
from models import audit, datasets, imports
from models.datasets import Dataset
from models.errors import Conflict, NotFound, TooManyRequests, Unprocessable
from models.samples import public
from models.samples.public import PublicSet

if TYPE_CHECKING:  # loaded with the first address, see `api.outbound`
    import httpx2

_logger = logging.getLogger("trainyard.imports")
_AT_ONCE: Final = 4
_EVERY_SECONDS: Final = 1.0
_PAUSES_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_TAKEN_OVER_AFTER_SECONDS: Final = 90.0
_SIGN_OF_LIFE_SECONDS: Final = 15.0
_LONGEST_SECONDS: Final = 6 * 3600.0
_LEAST_BYTES_PER_SECOND: Final = 1000.0
_GRACE_SECONDS: Final = 30.0
_LONGEST_TAG: Final = 256
_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "trainyard-import"}


class _Failed(Exception):
    """The content cannot be had, and trying again would not help."""


class _Cut(Exception):
    """The content did not come to its end this time."""


class Importer:
    """Fetches what waits to be fetched, a few datasets at a time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="imports")
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._sockets: dict[str, socket.socket | None] = {}

    def sweeps(self) -> list[Sweep]:
        """What runs again and again where imports are allowed."""
        return [Sweep("imports", _EVERY_SECONDS, self.sweep)] if self._service.settings.dataset_urls != "none" else []

    def sweep(self) -> None:
        """Take up what waits: new imports, and those that another process has left behind."""
        with self._service.database.reading() as connection:
            found = imports.waiting(connection, unchanged_for_seconds=_TAKEN_OVER_AFTER_SECONDS)
        for dataset in found:
            with self._lock:
                if self._stopping.is_set() or dataset.id in self._sockets:
                    continue
                self._sockets[dataset.id] = None
            self._pool.submit(self._import, dataset)

    def close(self) -> None:
        """Stop fetching; another process, or the next start, goes on."""
        with self._lock:
            self._stopping.set()
            for connection in self._sockets.values():
                if connection is not None:
                    _end(connection)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _import(self, dataset: Dataset) -> None:
        try:
            self._fetch_patiently(dataset)
        except _Failed as failure:
            self._give_up(dataset, str(failure))
        except (Conflict, NotFound):
            _logger.info("dataset %s went away, or is fetched by another process", dataset.id)
        except Exception:
            _logger.exception("fetching %s failed; the sweep will try again", dataset.id)
        finally:
            with self._lock:
                self._sockets.pop(dataset.id, None)

    def _fetch_patiently(self, dataset: Dataset) -> None:
        for pause_seconds in (*_PAUSES_SECONDS, None):
            try:
                return self._fetch(dataset)
            except (_Cut, outbound.Unreachable) as error:
                if pause_seconds is None:
                    raise _Failed(f"{error}; tried {len(_PAUSES_SECONDS) + 1} times") from error
                if self._stopping.wait(pause_seconds):
                    return None
            with self._service.database.reading() as connection:
                dataset = datasets.get(connection, project=dataset.project, dataset_id=dataset.id)
        return None

    def _fetch(self, dataset: Dataset) -> None:
        """One request for the content, or for what is missing of it; all of the files of a public dataset."""
        if (found := public.named(dataset.source_url)) is not None:
            return self._fetch_files(dataset, found)
        headers = {}
        if dataset.received_bytes and dataset.source_tag:
            headers = {"Range": f"bytes={dataset.received_bytes}-", "If-Range": dataset.source_tag}
        with self._answer(dataset, str(dataset.source_url), headers=headers) as response:
            dataset, offset = self._begun(dataset, response)
            self._receive(dataset, offset, response.iter_raw())
        return None

    def _fetch_files(self, dataset: Dataset, found: PublicSet) -> None:
        """The files of a public dataset, from the first on: one that was cut is fetched anew."""
        if found.num_bytes > self._service.settings.max_upload_bytes:
            raise _Failed(_too_long(found.num_bytes, most=self._service.settings.max_upload_bytes))
        begun = self._started(dataset, num_bytes=found.num_bytes, tag=None)
        try:
            self._receive(begun, 0, public_sets.content(found, lambda file: self._answer(begun, file.url)))
        except public_sets.OtherFile as error:
            raise _Failed(str(error)) from error

    @contextmanager
    def _answer(
        self, dataset: Dataset, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[httpx2.Response]:
        """What a URL answers with, its body not read yet; its connection is one that `close` may end."""
        settings = self._service.settings
        try:
            target = outbound.pin(url, allowed=settings.import_networks, with_public=settings.imports_public)
        except outbound.Refused as error:
            raise _Failed(f"the URL {error}") from error
        with outbound.get(target, headers={**_HEADERS, **headers}) as response:
            _check_answer(response)
            connection = response.extensions["network_stream"].get_extra_info("socket")
            with self._lock:
                self._sockets[dataset.id] = connection
                if self._stopping.is_set():
                    raise _Cut("the service stops")
            try:
                yield response
            finally:
                with self._lock:
                    self._sockets[dataset.id] = None

    def _receive(self, dataset: Dataset, offset: int, blocks: Iterator[bytes]) -> None:
        """Take the content in from there on, check it and finish it, as an upload."""
        entry = audit.Entry(
            project=dataset.project, actor=audit.SERVICE, operation="import_content", resource=dataset.id
        )
        upload = Upload(self._service, dataset, offset, Change(self._service, entry))
        try:
            asyncio.run(upload.receive(self._paced(dataset, blocks), is_last=True))
        except ClientDisconnect as error:
            raise _Cut("the source cut the content short") from error
        except Unprocessable as error:
            raise _Failed(error.detail) from error

    def _begun(self, dataset: Dataset, response: httpx2.Response) -> tuple[Dataset, int]:
        """The dataset as it goes on, and from which byte. Raises _Failed and Unreachable for other answers."""
        if response.status_code == 206:
            match = _RANGE.fullmatch(response.headers.get("content-range", ""))
            rest = (dataset.received_bytes, dataset.bytes - 1, dataset.bytes)
            if match is not None and tuple(map(int, match.groups())) == rest:
                return dataset, dataset.received_bytes
            with self._service.database.unit_of_work() as connection:
                imports.begin(connection, dataset, num_bytes=0, tag=None)
            raise _Cut("the source answered with another range than was asked for")
        num_bytes = _length(response, most=self._service.settings.max_upload_bytes)
        tag = response.headers.get("etag", "")
        is_strong = tag.startswith('"') and len(tag) <= _LONGEST_TAG
        return self._started(dataset, num_bytes=num_bytes, tag=tag if is_strong else None), 0

    def _started(self, dataset: Dataset, *, num_bytes: int, tag: str | None) -> Dataset:
        try:
            with self._service.database.unit_of_work() as connection:
                return imports.begin(connection, dataset, num_bytes=num_bytes, tag=tag)
        except TooManyRequests as error:
            raise _Failed(error.detail) from error

    async def _paced(self, dataset: Dataset, blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
        """The content as it comes, within its limits. This thread has nothing else to do than to wait for it."""
        import httpx2

        started = last_sign = time.monotonic()
        received = 0
        try:
            for block in blocks:
                received += len(block)
                now = time.monotonic()
                _check_pace(received, seconds=now - started)
                if now - last_sign > _SIGN_OF_LIFE_SECONDS:
                    last_sign = now
                    self._give_sign(dataset)
                yield block
        except (httpx2.HTTPError, outbound.Unreachable) as error:
            raise ClientDisconnect from error

    def _give_sign(self, dataset: Dataset) -> None:
        with self._service.database.unit_of_work() as connection:
            imports.touch(connection, dataset_id=dataset.id)

    def _give_up(self, dataset: Dataset, message: str) -> None:
        reason = {"code": "import_failed", "message": message, "param": None}
        try:
            with self._service.database.unit_of_work() as connection:
                datasets.invalid(connection, dataset_id=dataset.id, reason=reason)
        except Conflict:
            return  # deleted, or brought to its end by another process
        self._service.artifacts.delete(f"uploads/{dataset.id}")


def _check_answer(response: httpx2.Response) -> None:
    status = response.status_code
    if status in {200, 206}:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _Failed("the source packs the content although it was asked not to")
        return
    if 300 <= status < 400:
        raise _Failed(f"the source answered {status}; redirects are not followed")
    if status in {408, 425, 429} or status >= 500:
        raise outbound.Unreachable(f"the source answered {status}")
    raise _Failed(f"the source answered {status}")


def _length(response: httpx2.Response, *, most: int) -> int:
    header = response.headers.get("content-length", "")
    if not header.isdigit() or not int(header):
        raise _Failed("the source does not say how long the content is (Content-Length)")
    if int(header) > most:
        raise _Failed(_too_long(header[:24], most=most))
    return int(header)


def _too_long(num_bytes: int | str, *, most: int) -> str:
    return f"the content has {num_bytes} bytes; a dataset may have {most}"


def _check_pace(received: int, *, seconds: float) -> None:
    if seconds > _LONGEST_SECONDS:
        raise _Failed(f"the content did not arrive within {_LONGEST_SECONDS / 3600:g} hours")
    if seconds > _GRACE_SECONDS and received < seconds * _LEAST_BYTES_PER_SECOND:
        raise _Failed(f"the content comes at less than {_LEAST_BYTES_PER_SECOND:g} bytes a second")


def _end(connection: socket.socket) -> None:
    """Wake whoever reads from the connection."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        _logger.debug("a connection had ended already: %s", error)
