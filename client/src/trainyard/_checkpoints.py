"""A job's checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from ._downloads import OnBytes, download
from ._exceptions import ConfigurationError
from ._records import CheckpointFile, CheckpointRecord
from ._transport import Transport


class Checkpoint:
    """One checkpoint of a job; `record` is what the service says about it."""

    def __init__(self, transport: Transport, *, job_id: str, record: CheckpointRecord) -> None:
        self._transport = transport
        self.job_id = job_id
        self.record = record

    def __repr__(self) -> str:
        return f"<Checkpoint {self.id} step={self.step} kinds={list(self.kinds)}>"

    @property
    def id(self) -> str:
        """`ckpt_…`."""
        return self.record.id

    @property
    def step(self) -> int:
        """The optimizer step after which it was written."""
        return self.record.step

    @property
    def kinds(self) -> tuple[str, ...]:
        """Among best, latest and final."""
        return self.record.kinds

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics as they stood at that step."""
        return self.record.metrics

    @property
    def files(self) -> tuple[CheckpointFile, ...]:
        """What can be downloaded."""
        return self.record.files

    def download(
        self, directory: str | Path, *, names: Sequence[str] | None = None, progress: OnBytes | None = None
    ) -> list[Path]:
        """Fetch the files (or those in `names`) into a folder, made if missing, and return their paths.

        Cuts are survived by Range requests, interrupted downloads are continued, digests are verified.
        Raises ConfigurationError for a name that the checkpoint does not have, DownloadCorrupt for a wrong digest.
        """
        known = {file.name: file for file in self.files}
        wanted = list(known) if names is None else list(names)
        for name in wanted:
            if name not in known:
                raise ConfigurationError(f"{self.id} has no file {name!r}; it has {', '.join(sorted(known))}")
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        return [
            download(self._transport, self._path_of(name), file=known[name], folder=folder, progress=progress)
            for name in wanted
        ]

    def _path_of(self, name: str) -> str:
        return f"/v1/jobs/{self.job_id}/checkpoints/{self.id}/files/{quote(name, safe='')}"
