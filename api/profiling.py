"""Profiling of uploads: in a child process under resource limits, because what it parses came from a stranger."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from models import datasets
from models.artifacts import ArtifactStore
from models.database import Database
from models.datasets import Dataset
from models.errors import Conflict, Unavailable

_logger = logging.getLogger("trainyard.profiling")
_NUM_AT_ONCE: Final = 2
_LONGEST_SECONDS: Final = 1800.0
_LONGEST_MESSAGE: Final = 2000
_LONGEST_PLACE: Final = 300
_RECOVER_AFTER_SECONDS: Final = 15.0


class Profiler:
    """Profiles datasets whose content is whole, a few at a time."""

    def __init__(
        self, database: Database, artifacts: ArtifactStore, *, recover_after_seconds: float = _RECOVER_AFTER_SECONDS
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._recover_after_seconds = recover_after_seconds
        self._pool = ThreadPoolExecutor(_NUM_AT_ONCE, thread_name_prefix="profiler")
        self._children: dict[str, subprocess.Popen[str] | None] = {}
        self._lock = threading.Lock()
        self._closed = False

    def profile(self, dataset: Dataset) -> None:
        """Profile a dataset soon. Asking twice is harmless."""
        with self._lock:
            if self._closed or dataset.id in self._children:
                return
            self._children[dataset.id] = None
        self._pool.submit(self._profile, dataset)

    def recover(self) -> None:
        """Take up the profiles that a process left behind when it ended."""
        with self._database.reading() as connection:
            unfinished = datasets.unprofiled(connection, older_than_seconds=self._recover_after_seconds)
        for dataset in unfinished:
            self.profile(dataset)

    def close(self) -> None:
        """Stop the children; the sweep of another process, or of the next start, takes their datasets up."""
        with self._lock:
            self._closed = True
            for child in self._children.values():
                if child is not None:
                    child.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _profile(self, dataset: Dataset) -> None:
        try:
            answer = self._run(dataset)
            if answer is not None:
                self._store(dataset, answer)
        except Unavailable as error:
            _logger.warning("%s cannot be profiled now: %s", dataset.id, error.detail)
        except Conflict:
            _logger.info("dataset %s went away, or was profiled by another process", dataset.id)
        except Exception:
            _logger.exception("profiling of %s failed; the sweep will try again", dataset.id)
        finally:
            with self._lock:
                self._children.pop(dataset.id, None)

    def _run(self, dataset: Dataset) -> dict[str, Any] | None:
        """What the child found; None where this process is stopping."""
        with self._artifacts.fetch(str(dataset.location), sha256=str(dataset.sha256)) as copy:
            return self._run_on(dataset, str(copy.path))

    def _run_on(self, dataset: Dataset, path: str) -> dict[str, Any] | None:
        child = self._start(dataset, path)
        if child is None:
            return None
        try:
            output, complaints = child.communicate(timeout=_LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return _error(f"reading it took longer than {_LONGEST_SECONDS / 60:.0f} minutes")
        if self._closed:
            return None
        try:
            return dict(json.loads(output))
        except ValueError:
            _logger.warning(
                "the profiler of %s ended with %s: %s", dataset.id, child.returncode, complaints[-_LONGEST_MESSAGE:]
            )
            return _error("reading it takes more memory or time than a dataset may use")

    def _start(self, dataset: Dataset, path: str) -> subprocess.Popen[str] | None:
        words = [
            sys.executable,
            "-m",
            "models.formats.profiling",
            path,
            dataset.format,
            json.dumps(dict(dataset.options)),
        ]
        with self._lock:
            if self._closed:
                return None
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            self._children[dataset.id] = child
        return child

    def _store(self, dataset: Dataset, answer: dict[str, Any]) -> None:
        with self._database.unit_of_work() as connection:
            if "error" not in answer:
                datasets.ready(connection, dataset_id=dataset.id, profile=answer)
                return
            error = answer["error"]
            place = None if error["place"] is None else str(error["place"])[:_LONGEST_PLACE]
            message = str(error["message"])[:_LONGEST_MESSAGE]
            reason = {
                "code": error["code"],
                "message": message if place is None else f"{place}: {message}",
                "param": place,
            }
            datasets.invalid(connection, dataset_id=dataset.id, reason=reason)


def _error(message: str) -> dict[str, Any]:
    return {"error": {"code": "invalid_data", "message": message, "place": None}}
