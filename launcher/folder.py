"""The data folder: one service at a time, and a note for others about the one that is running."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from launcher.errors import Occupied

LONGEST_LOG_BYTES = 16 << 20


@dataclass(frozen=True)
class Running:
    """What a running launcher tells about itself: where it listens, which processes it runs, whether it takes jobs."""

    url: str
    pid: int
    parts: Mapping[str, int]
    ready: bool


@dataclass(frozen=True)
class DataFolder:
    """A service's data folder: absolute, readable by its user alone."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> "DataFolder":
        """Return the folder at `path`, made when missing. Raises OSError when it cannot be."""
        absolute = path.expanduser().absolute()
        absolute.mkdir(mode=0o700, parents=True, exist_ok=True)
        for inner in ("broker", "logs"):
            (absolute / inner).mkdir(exist_ok=True)
        return cls(absolute)

    @property
    def key_file(self) -> Path:
        """Where the first start leaves the admin key."""
        return self.path / "admin.key"

    def key(self) -> str | None:
        """Return the admin key of the embedded service, if it is there."""
        return self.key_file.read_text().strip() if self.key_file.exists() else None

    def write_key(self, token: str) -> None:
        """Leave the admin key for its owner alone, mode 0600 from the first byte."""
        descriptor = os.open(self.key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(descriptor, 0o600)
            file.write(f"{token}\n")

    def log(self, name: str) -> Path:
        """Return the log file of the part called `name`."""
        return self.path / "logs" / f"{name}.log"

    def roll_logs(self) -> None:
        """Set aside the logs that have grown long, in place of those set aside before."""
        for log in (self.path / "logs").glob("*.log"):
            if log.stat().st_size > LONGEST_LOG_BYTES:
                log.replace(log.with_suffix(".log.1"))

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the folder while the block runs. Raises Occupied when another launcher does; released by any death."""
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Occupied(f"a service is already running on {self.path}{self._where()}") from None
            self._note.unlink(missing_ok=True)  # of one that was killed
            try:
                yield
            finally:
                self._note.unlink(missing_ok=True)

    def announce(self, running: Running) -> None:
        """Leave a note about the running service, replaced in one step."""
        fresh = self._note.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(running)))
        fresh.replace(self._note)

    def running(self) -> Running | None:
        """Return the note of the service that runs here now; None when nobody holds the folder."""
        try:
            with self.taken():
                return None
        except Occupied:
            return self._read_note()

    @property
    def _note(self) -> Path:
        return self.path / "service.json"

    def _read_note(self) -> Running | None:
        try:
            return Running(**json.loads(self._note.read_text()))
        except FileNotFoundError:  # its holder has not got that far
            return None

    def _where(self) -> str:
        note = self._read_note()
        return f": {note.url}" if note else ""
