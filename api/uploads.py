"""Uploads: a raw body goes to disk as it comes, in parts if need be, is verified when whole, and joins the store by
its content.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api.auditing import Change
from api.bodies import TooSlow
from api.service import Service
from models import datasets
from models.artifacts import ArtifactStore
from models.datasets import Dataset
from models.errors import Conflict, NotFound, Unavailable, Unprocessable
from models.fingerprints import file_sha256

_WRITE_BYTES: Final = 1 << 20
_NOTE_BYTES: Final = 64 << 20


class _Gone(Exception):
    """The content was deleted with the last dataset that had it, just when it was found to be there already."""


@dataclass(slots=True)
class Upload:
    """One request's part of a dataset's content."""

    service: Service
    dataset: Dataset
    offset: int
    change: Change

    async def receive(self, blocks: AsyncIterator[bytes], *, is_last: bool) -> Dataset:
        """Take in a part, and finish the upload if it is the last. Whatever arrived before a cut stays.

        Raises Conflict where the offset is not where the content ends or another request is writing, Unprocessable
        where the content ends early or is not what was declared, and PayloadTooLarge.
        """
        check_offset(self.dataset, self.offset)
        with self._locked() as file:
            await run_in_threadpool(self._prepare, file)
            try:
                await self._write(file, blocks)
            finally:
                # A cut cancels the request; what is on disk is noted all the same.
                await asyncio.shield(run_in_threadpool(self._note, file))
            if self.offset < self.dataset.bytes:
                return self._unfinished(is_last=is_last)
            return await run_in_threadpool(self._finish)

    @property
    def _path(self) -> Path:
        return self.service.artifacts.workspace(f"uploads/{self.dataset.id}")

    @contextmanager
    def _locked(self) -> Iterator[FileIO]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        with self._path.open("r+b", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict("Another request is uploading this content.", code="upload_conflict") from error
            yield file

    def _prepare(self, file: FileIO) -> None:
        # Looked at again under the lock: another request may have gone on since the first look.
        check_offset(self._stored(), self.offset)
        if file.seek(0, os.SEEK_END) < self.offset:
            self._forget("What has arrived is on another machine, or gone.")
        file.seek(self.offset)
        file.truncate()  # a process that died may have written more than it could note

    def _stored(self) -> Dataset:
        with self.service.database.reading() as connection:
            return datasets.get(connection, project=self.dataset.project, dataset_id=self.dataset.id)

    async def _write(self, file: FileIO, blocks: AsyncIterator[bytes]) -> None:
        pending = bytearray()
        noted = self.offset
        try:
            async for block in blocks:
                pending += block
                if len(pending) >= _WRITE_BYTES:
                    await run_in_threadpool(self._append, file, bytes(pending))
                    pending.clear()
                if file.tell() - noted >= _NOTE_BYTES:
                    await run_in_threadpool(self._note, file)
                    noted = self.offset
        except (ClientDisconnect, TooSlow):
            self._append(file, bytes(pending))
            raise
        await run_in_threadpool(self._append, file, bytes(pending))

    def _append(self, file: FileIO, content: bytes) -> None:
        left = memoryview(content)
        try:
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            raise _not_stored(error) from error

    def _note(self, file: FileIO) -> None:
        """Make durable what has arrived, then say so in the database. Raises Unavailable where the disk is full."""
        try:
            os.fsync(file.fileno())
        except OSError as error:
            raise _not_stored(error) from error
        end = file.tell()
        if end == self.offset:
            return
        with self.service.database.unit_of_work() as connection:
            datasets.received(connection, dataset_id=self.dataset.id, offset=self.offset, received_bytes=end)
        self.offset = end

    def _unfinished(self, *, is_last: bool) -> Dataset:
        if is_last:
            raise Unprocessable(
                f"The content ended at {self.offset} of {self.dataset.bytes} bytes. Go on with "
                f"`Upload-Offset: {self.offset}`; a part that is not the last carries `Upload-Complete: ?0`.",
                code="content_incomplete",
                received_bytes=self.offset,
            )
        return self._stored()

    def _finish(self) -> Dataset:
        sha256 = file_sha256(self._path)
        if self.dataset.sha256 not in (None, sha256):
            self._start_over(sha256)
        whole = self._store(f"datasets/{sha256}", sha256)
        self._path.unlink(missing_ok=True)
        self.service.profiler.profile(whole)
        return whole

    def _store(self, location: str, sha256: str) -> Dataset:
        """Have the content in the store and the dataset know it. Raises Unavailable where the store has no room."""
        artifacts = self.service.artifacts
        while True:
            try:
                artifacts.put(self._path, location)
            except OSError as error:
                raise _not_stored(error) from error
            with suppress(_Gone), self.change.transaction() as connection:
                whole = datasets.complete(
                    connection,
                    dataset_id=self.dataset.id,
                    sha256=sha256,
                    location=location,
                    is_there=lambda: has(artifacts, location),
                )
                if whole is None:
                    raise _Gone
                return whole

    def _forget(self, why: str) -> None:
        """Begin with nothing again. Raises Conflict."""
        with self.service.database.unit_of_work() as connection:
            datasets.received(connection, dataset_id=self.dataset.id, offset=self.offset, received_bytes=0)
        self._path.unlink(missing_ok=True)
        raise Conflict(
            f"{why} Send the content again from the start.",
            code="upload_offset_mismatch",
            received_bytes=0,
            headers={"Upload-Offset": "0"},
        )

    def _start_over(self, sha256: str) -> None:
        with self.service.database.unit_of_work() as connection:
            datasets.received(connection, dataset_id=self.dataset.id, offset=self.offset, received_bytes=0)
        self._path.unlink(missing_ok=True)
        raise Unprocessable(
            f"The content's SHA-256 is {sha256}, declared was {self.dataset.sha256}. Send it again from the start.",
            code="digest_mismatch",
            received_bytes=0,
        )


def check_offset(dataset: Dataset, offset: int) -> None:
    """Hold a part's offset against what has arrived. Raises Conflict, telling where to go on."""
    if dataset.status != datasets.AWAITING_CONTENT:
        raise Conflict(
            f"Dataset {dataset.id} already has its content; it is {dataset.status}.", code="content_complete"
        )
    if offset != dataset.received_bytes:
        raise Conflict(
            f"{dataset.received_bytes} bytes have arrived; go on with `Upload-Offset: {dataset.received_bytes}`.",
            code="upload_offset_mismatch",
            received_bytes=dataset.received_bytes,
            headers={"Upload-Offset": str(dataset.received_bytes)},
        )


def _not_stored(error: OSError) -> Unavailable:
    reason = "the disk is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else str(error.strerror)
    return Unavailable(f"The content cannot be stored: {reason}.", code="storage_full", headers={"Retry-After": "60"})


def has(artifacts: ArtifactStore, key: str) -> bool:
    """Whether there is a file under a key. Raises Unavailable."""
    try:
        artifacts.size(key)
    except NotFound:
        return False
    return True
