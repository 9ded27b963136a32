"""What was refused, for the audit log, so many lines a minute; and what the log tells of any request."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from models import audit
from models.audit import Entry
from models.database import Database
from models.errors import Unavailable
from models.principal import Principal

_logger = logging.getLogger("trainyard.audit")
#: The methods that change something.
CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})

#: Refusals that are always told of, and those that are where something was to be changed. Typing errors are not.
_REFUSALS: Final = frozenset({401, 403})
_REFUSED_CHANGES: Final = frozenset({404, 409, 429})
_PER_ADDRESS: Final = 60
_PER_MINUTE: Final = 600
_LONGEST: Final = 200


class Refusals:
    """Writes down what was refused to whom, so many a minute; how many were too many stands in the next line."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._minute = 0
        self._counts: Counter[str] = Counter()
        self._unrecorded = 0

    @staticmethod
    def concern(scope: Mapping[str, Any], status: int) -> bool:
        """Whether an answer is a refusal that the log tells of."""
        if status in _REFUSALS:
            return True
        return scope["method"] in CHANGING and status in _REFUSED_CHANGES and "route" in scope

    def note(self, scope: Mapping[str, Any], status: int) -> None:
        """Write down a refusal. Where the database is away the line is lost, and the log of the process says so."""
        told = entry(scope, outcome="refused", status=status)
        if (unrecorded := self._admitted(told.address or "")) is None:
            return
        try:
            with self._database.unit_of_work() as connection:
                audit.write(connection, replace(told, unrecorded=unrecorded))
        except Unavailable:
            _logger.warning("a refusal of %s was not written to the audit log", told.operation)

    def _admitted(self, address: str) -> int | None:
        """How many refusals were left out before this one; None where it is to be left out too."""
        with self._lock:
            if (minute := int(self._clock() // 60)) != self._minute:
                self._minute, self._counts = minute, Counter()
            if self._counts[address] >= _PER_ADDRESS or self._counts.total() >= _PER_MINUTE:
                self._unrecorded += 1
                return None
            self._counts[address] += 1
            unrecorded, self._unrecorded = self._unrecorded, 0
            return unrecorded


def entry(scope: Mapping[str, Any], **outcome: Any) -> Entry:
    """What the log tells of a request: by its route and its identifiers, never by its body or its headers."""
    principal: Principal | None = scope["state"].get("principal")
    client = scope.get("client")
    return Entry(
        project=None if principal is None else principal.project,
        actor=None if principal is None else principal.key_id,
        operation=getattr(scope.get("route"), "name", "unmatched"),
        resource="/".join(map(str, scope.get("path_params", {}).values()))[:_LONGEST] or None,
        address=None if client is None else client[0],
        request_id=scope["state"]["request_id"],
        **outcome,
    )
