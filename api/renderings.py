"""Jobs as they were last shown, kept for as long as they would be shown in the same way.

What tells that is `jobs.version`, which is read anew for every request: a change by any process is seen at once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from api.conditional import Representation
from models import comparison, jobs
from models.database import Reader
from models.jobs import Version

_MOST_BYTES: Final = 32 << 20


class Renderings:
    """Documents of jobs, the ones not asked for longest forgotten first."""

    def __init__(self, *, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[Version, Representation]] = OrderedDict()
        self._lock = threading.Lock()

    def job(self, connection: Reader, *, project: str, job_id: str) -> Representation:
        """The job as it is now. Raises `NotFound`."""
        version = jobs.version(connection, project=project, job_id=job_id)
        with self._lock:
            version_kept, kept = self._kept.get(job_id, (None, None))
            if kept is not None and version == version_kept:
                self._kept.move_to_end(job_id)
                return kept
        found = jobs.get(connection, project=project, job_id=job_id)
        came_out = comparison.reproduction(connection, found, project=project)
        if came_out is not None:  # it changes with another job, which the version knows nothing of
            return Representation.of({**found.document(), "reproduction": came_out})
        made = Representation.of(found.document())
        self._keep(job_id, version, made)
        return made

    def _keep(self, job_id: str, version: Version, made: Representation) -> None:
        with self._lock:
            _, before = self._kept.pop(job_id, (None, None))
            self._bytes += len(made.content) - (0 if before is None else len(before.content))
            self._kept[job_id] = version, made
            while self._bytes > self._most_bytes:
                _, (_, oldest) = self._kept.popitem(last=False)
                self._bytes -= len(oldest.content)
