"""The event log: what happened to a job, one sequence number each. History, long-poll, SSE and webhooks all read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select

from models import deliveries
from models.clock import now, rfc3339
from models.identifiers import new_id
from models.json_text import decode, encode
from models.prepared import Prepared
from models.status import Status
from models.tables import events

_LONGEST_PAGE = 1000


#: Every type of event that a job may have.
TYPES: Final = (
    *(f"job.{status}" for status in Status),
    "job.checkpoint",
    "job.checkpoint_damaged",
    "job.finding",
    "job.phase",
    "job.resumed",
    "job.rewound",
    "job.stopping",
    "job.updated",
    "job.warning",
)


class Entry(NamedTuple):
    """An event to be written: its type, such as `job.running` or `job.checkpoint`, and what there is to say."""

    type: str
    data: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it was written."""

    seq: int
    id: str
    type: str
    at: float
    data: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """The event as the API shows it."""
        return {"seq": self.seq, "id": self.id, "type": self.type, "at": rfc3339(self.at), "data": self.data}


def write(connection: Connection, *, job_id: str, last_seq: int, entries: Sequence[Entry]) -> list[float]:
    """Write entries numbered up to `last_seq`, which the caller took from `jobs.event_seq` in this very transaction.
    Answers when each of them was.
    """
    first, times = last_seq - len(entries) + 1, []
    for seq, entry in enumerate(entries, start=first):
        event = {
            "job_id": job_id,
            "seq": seq,
            "id": new_id("evt"),
            "type": entry.type,
            "data": encode(dict(entry.data)),
        }
        times.append(_INSERT.one(connection, event).at)
        deliveries.owe(connection, event)
    return times


def listing(connection: Connection, *, job_id: str, after: int = 0, limit: int = _LONGEST_PAGE) -> list[Event]:
    """A job's events behind a sequence number, oldest first."""
    rows = connection.execute(_AFTER, {"job_id": job_id, "after": after, "limit": min(limit, _LONGEST_PAGE)})
    return [Event(seq=row.seq, id=row.id, type=row.type, at=row.at, data=decode(row.data)) for row in rows]


_INSERT = Prepared(
    insert(events).values(at=now()).returning(events.c.at), columns=("job_id", "seq", "id", "type", "data")
)
_AFTER = (
    select(events.c.seq, events.c.id, events.c.type, events.c.at, events.c.data)
    .where(events.c.job_id == bindparam("job_id"), events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
    .limit(bindparam("limit"))
)
