"""What must hold behind every step of the simulation, read from the tables themselves."""

import json
import re
import sqlite3
from collections import Counter
from typing import Any

from models.database import Database
from models.leases import Lease
from models.status import HELD, TERMINAL, TRANSITIONS, Status

_MARK = re.compile(rb"<(\d+)>")


class Violation(Exception):
    """A promise was broken."""


class Promises:
    """Watches one database; remembers what it has seen to compare it with what comes."""

    def __init__(self, database: Database) -> None:
        self.num_refusals = 0
        self._version = 0
        self._tables = sqlite3.connect(str(database.url.database), isolation_level=None)
        self._seen: dict[str, tuple[int, Status | None, int]] = {}  # by job: event, status, attempt
        self._held: dict[str, str] = {}  # tokens by job
        self._beats: dict[str, tuple[int, float]] = {}  # by token: count, and when one was last seen
        self._phases: Counter[str] = Counter()
        self._written: dict[str, list[bytes]] = {}

    def close(self) -> None:
        """Stop watching."""
        self._tables.close()

    def check(self, *, awake: float) -> None:
        """Compare everything with everything, if anything has been committed since. Raises Violation."""
        ((version,),) = self._ask("pragma data_version")
        if version == self._version:
            return
        self._version = version
        jobs = self._ask("select id, status, attempt, lease_token, event_seq, finished_at from jobs")
        held = {row[0]: row[1:] for row in self._ask("select job_id, lease_token, hb_seq from job_leases")}
        num_open = dict(self._ask("select job_id, count(*) from attempts where ended_at is null group by job_id"))
        num_attempts = dict(self._ask("select job_id, count(*) from attempts group by job_id"))
        rung = {row[0] for row in self._ask("select job_id from doorbells")}
        for job_id, word, attempt, token, last_event, finished_at in jobs:
            status = Status(word)
            self._follow(job_id, status, attempt, last_event)
            _must((finished_at is not None) == (status in TERMINAL), f"{job_id} is {status}, finished at {finished_at}")
            _must(
                (job_id in rung) == (status is Status.QUEUED),
                f"{job_id} is {status}, with a doorbell: {job_id in rung}",
            )
            _must((job_id in held) == (status in HELD), f"{job_id} is {status}, with a lease: {job_id in held}")
            _must(job_id not in held or held[job_id][0] == token, f"{job_id} and its lease name different tokens")
            _must(num_open.get(job_id, 0) == (job_id in held), f"{job_id} has {num_open.get(job_id, 0)} open attempts")
            _must(num_attempts.get(job_id, 0) == attempt, f"{job_id} counts {attempt} attempts, and has others")
        for token, num_beats in held.values():
            if self._beats.get(token, (-1, 0.0))[0] != num_beats:
                self._beats[token] = (num_beats, awake)
        self._held = {job_id: token for job_id, (token, _) in held.items()}

    def wrote(self, lease: Lease, log: bytes) -> None:
        """A holder was told that its batch is written."""
        ((token,),) = self._ask("select lease_token from job_leases where job_id = ?", lease.job_id) or [(None,)]
        _must(token == lease.token, f"attempt {lease.attempt} of {lease.job_id} wrote after it was superseded")
        self._written.setdefault(lease.job_id, []).append(log)

    def ended(self, lease: Lease, log: bytes) -> None:
        """A holder was told that its ending is written."""
        self._written.setdefault(lease.job_id, []).append(log)

    def reaped(self, job_id: str, *, awake: float, at_least: float) -> None:
        """A reaper says that it took a job: its holder must have been silent, while awake, for so long."""
        silence = awake - self._beats[self._held[job_id]][1]
        _must(silence >= at_least, f"{job_id} was taken from a holder that had been heard {silence:g} s before")

    def check_logs(self) -> None:
        """Whatever was acknowledged is in its job's log, and nothing is there twice."""
        for job_id in self.job_ids():
            rows = self._ask("select content from log_chunks where job_id = ? order by start", job_id)
            marks = Counter(_MARK.findall(b"".join(row[0] for row in rows)))
            doubled = [mark for mark, number in marks.items() if number > 1]
            missing = [log for log in self._written.get(job_id, []) if _MARK.findall(log)[0] not in marks]
            _must(not doubled, f"{job_id} has {doubled} twice in its log")
            _must(not missing, f"{job_id} has lost {missing} from its log")

    def are_all_at_rest(self) -> bool:
        """Whether nothing more will happen by itself."""
        return all(Status(status) in TERMINAL | {Status.PAUSED} for status in self.statuses())

    def statuses(self) -> list[str]:
        """Where the jobs stand."""
        return [row[0] for row in self._ask("select status from jobs")]

    def job_ids(self) -> list[str]:
        """Every job, oldest first."""
        return [row[0] for row in self._ask("select id from jobs order by created_at")]

    def _follow(self, job_id: str, status: Status, attempt: int, last_event: int) -> None:
        """Walk the events since the last look: numbered without a gap, and no move that is not allowed."""
        seen, before, last_attempt = self._seen.get(job_id, (0, None, 0))
        _must(attempt >= last_attempt, f"{job_id} went back from attempt {last_attempt} to {attempt}")
        if last_event != seen:
            events = self._ask(
                "select seq, type, data from events where job_id = ? and seq > ? order by seq", job_id, seen
            )
            _must(
                [row[0] for row in events] == list(range(seen + 1, last_event + 1)), f"{job_id} has a gap in its events"
            )
            for _, word, data in events:
                before = self._move(job_id, before, word, data)
        _must(before is status, f"{job_id} is {status}, and its events say {before}")
        self._seen[job_id] = (last_event, status, attempt)

    def _move(self, job_id: str, before: Status | None, word: str, data: str) -> Status | None:
        name = word.removeprefix("job.")
        if name == "phase":
            phase = json.loads(data)["phase"]
            self._phases[phase] += 1
            _must(self._phases[phase] == 1, f"{job_id} was told twice of {phase}")
        if name not in set(Status):
            return before
        status = Status(name)
        _must(before is None or status in TRANSITIONS[before], f"{job_id} went from {before} to {status}")
        return status

    def _ask(self, query: str, *values: Any) -> list[Any]:
        return self._tables.execute(query, values).fetchall()


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Violation(otherwise)
