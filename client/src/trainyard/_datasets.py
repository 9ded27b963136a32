"""Uploading and finding datasets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, BinaryIO, Final, Self
from urllib.parse import urlsplit

from ._archives import archive_format
from ._downloads import OnBytes, digest
from ._exceptions import ConfigurationError, Conflict, InvalidDataset, ServerError, ServiceUnreachable, WaitTimeout
from ._pagination import listing
from ._records import DatasetRecord, Reason
from ._retries import Patience
from ._transport import Transport

_CHUNK_BYTES: Final = 1 << 20
_POLL_SECONDS: Final = 0.2
_FORMATS_BY_SUFFIX: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".npz": "npz",
}
_ARCHIVES: Final = {".zip", ".tar", ".tgz", ".tbz2", ".txz"}
_PACKED: Final = {".gz", ".bz2", ".xz"}


class Dataset:
    """A handle on one dataset. `record` is the dataset as it was last read."""

    def __init__(self, transport: Transport, document: Mapping[str, Any]) -> None:
        self._transport = transport
        self.record = DatasetRecord.parse(document)
        self._path = f"/v1/datasets/{self.record.id}"

    def __repr__(self) -> str:
        return f"<Dataset {self.id} {self.status}>"

    @property
    def id(self) -> str:
        """`ds_…`, which a job spec names under `data.dataset`."""
        return self.record.id

    @property
    def name(self) -> str | None:
        """The name it was declared under."""
        return self.record.name

    @property
    def status(self) -> str:
        """awaiting_content, profiling, ready or invalid."""
        return self.record.status

    @property
    def profile(self) -> Mapping[str, Any] | None:
        """What the service found in it: rows, column types, missing values, classes …; None before it is ready."""
        return self.record.profile

    def refresh(self) -> Self:
        """Read the dataset again."""
        self.record = DatasetRecord.parse(self._transport.get(self._path))
        return self

    def send(self, path: str | Path, *, progress: OnBytes | None = None) -> Self:
        """Send the file from where the service has it, again after every cut, until the service has it whole.

        Call it in a new process to go on with an upload that an earlier one began.
        Raises ConfigurationError when the file does not have the declared size.
        """
        size = Path(path).stat().st_size
        if self.record.bytes is not None and size != self.record.bytes:
            raise ConfigurationError(f"{path} has {size} bytes, {self.id} was declared with {self.record.bytes}")
        patience, known = Patience(), -1
        while True:
            try:
                if self.refresh().status != "awaiting_content":
                    return self
                self._send_rest(Path(path), size=size, progress=progress)
            except (ServiceUnreachable, ServerError, Conflict) as error:
                if self.record.received_bytes > known:
                    patience.renew()
                known = self.record.received_bytes
                patience.spend(error)

    def wait(self, *, timeout: float | None = None) -> Self:
        """Wait until the service has looked into the dataset.

        Raises InvalidDataset when it cannot be read, WaitTimeout after `timeout` seconds.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self.status not in {"ready", "invalid"}:
            if until is not None and time.monotonic() >= until:
                raise WaitTimeout(f"{self.id} is still {self.status} after {timeout:g} s")
            time.sleep(_POLL_SECONDS)
            self.refresh()
        if self.status == "invalid":
            reason = self.record.reason or Reason(message="the service gave no reason")
            raise InvalidDataset(dataset_id=self.id, code=reason.code, message=reason.message)
        return self

    def delete(self) -> None:
        """Delete the dataset. Raises Conflict while a job needs it."""
        self._transport.request("DELETE", self._path)

    def _send_rest(self, path: Path, *, size: int, progress: OnBytes | None) -> None:
        offset = self.record.received_bytes
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size - offset),
            "Upload-Offset": str(offset),
        }
        with path.open("rb") as source:
            source.seek(offset)
            body = _chunks(source, path.name, size, progress)
            self._transport.send_body(f"{self._path}/content", body, headers=headers)


class Datasets:
    """`client.datasets`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        format: str | None = None,  # noqa: A002  the service's own word
        options: Mapping[str, Any] | None = None,
        progress: OnBytes | None = None,
    ) -> Dataset:
        """Declare a dataset, send the file (cuts are survived), and return it when it is ready to train on.

        `name` and `format` follow from the file's name, and for an archive from the files in it, unless given;
        `options` are the format's own, such as `{"header": False}`. `progress` is called with the file's name, the
        bytes sent and the bytes in all.
        Raises InvalidDataset, naming the place, when the service cannot read it; Unprocessable for a wrong option;
        ConfigurationError when the file is missing or the format cannot be guessed.
        """
        return self.declare(path, name=name, format=format, options=options).send(path, progress=progress).wait()

    def declare(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        format: str | None = None,  # noqa: A002  the service's own word
        options: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """Tell the service about a file without sending it yet: `upload` in single steps. Raises as `upload` does."""
        file = Path(path)
        if not file.is_file():
            raise ConfigurationError(f"{path}: no such file")
        body = {
            "name": name or file.name.split(".")[0],
            "format": format or _guess_format(file),
            "bytes": file.stat().st_size,
            "sha256": digest(file),
            "options": dict(options or {}),
        }
        return Dataset(self._transport, self._transport.post("/v1/datasets", body=body))

    def fetch(
        self,
        url: str,
        *,
        name: str | None = None,
        format: str | None = None,  # noqa: A002  the service's own word
        options: Mapping[str, Any] | None = None,
        sha256: str | None = None,
    ) -> Dataset:
        """Let the service fetch a dataset from a URL by itself, where it is configured to; `wait()` for the result.

        `name` and `format` follow from the path of the URL unless given. With `sha256` other content is refused.
        Raises Unprocessable for a URL that the service does not fetch from.
        """
        file = PurePosixPath(urlsplit(url).path)
        body = {
            "name": name or file.name.split(".")[0] or "imported",
            "format": format or _format_by_name(file),
            "url": url,
            "options": dict(options or {}),
            **({} if sha256 is None else {"sha256": sha256}),
        }
        return Dataset(self._transport, self._transport.post("/v1/datasets", body=body))

    def get(self, dataset_id: str) -> Dataset:
        """The dataset with this id. Raises NotFound."""
        return Dataset(self._transport, self._transport.get(f"/v1/datasets/{dataset_id}"))

    def list(self, *, limit: int | None = None) -> Iterator[Dataset]:
        """The datasets, newest first; pages are fetched as the iterator goes."""
        for document in listing(self._transport, "/v1/datasets", limit=limit):
            yield Dataset(self._transport, document)


def _guess_format(path: Path) -> str:
    suffixes = _suffixes(path)
    return archive_format(path) if suffixes and suffixes[-1] in _ARCHIVES else _format_by_name(path)


def _suffixes(path: PurePath) -> list[str]:
    return [suffix.lower() for suffix in path.suffixes if suffix.lower() not in _PACKED]


def _format_by_name(path: PurePath) -> str:
    suffixes = _suffixes(path)
    guess = _FORMATS_BY_SUFFIX.get(suffixes[-1] if suffixes else "")
    if guess is None:
        raise ConfigurationError(f"cannot tell the format of {path.name} from its name; say which it is")
    return guess


def _chunks(source: BinaryIO, name: str, size: int, progress: OnBytes | None) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK_BYTES):
        yield chunk
        if progress is not None:
            progress(name, source.tell(), size)
