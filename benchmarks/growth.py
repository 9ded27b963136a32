"""What a request costs as the service fills: with 10, 1,000 and 100,000 jobs, and 1, 100 and 10,000 waiting.

One service for each filling, side by side, filled by SQL. Each request, for a page of equal length, is made of all of
them in turns, one at a time; the ratio is the median time on the full one by the median on the one with ten jobs.
Target: at most 1.5 for list, get, claim and submit.

    ./run bench growth [--requests 200] [--write]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import _servers
import httpx2
from _report import Row, finish
from _servers import Server
from _specs import SPEC
from sqlalchemy import text

from models import leases
from models.database import Database
from models.identifiers import new_id

_MOST = 1.5
_BODY = json.dumps(SPEC).encode()
_COPIED = ("events", "job_labels")

#: Name of each filling: jobs that are over, and jobs that wait.
FILLINGS = {
    "10 jobs": (9, 0),
    "1,000 jobs": (1000, 0),
    "100,000 jobs": (100_000, 0),
    "100 waiting": (9, 100),
    "10,000 waiting": (9, 10_000),
}
_EMPTY = "10 jobs"


class Filled:
    """A running service with so many jobs in it."""

    def __init__(self, server: Server, *, num_over: int, num_waiting: int) -> None:
        assert server.settings is not None
        self.database = Database(server.settings.database)
        headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
        self.http = httpx2.Client(base_url=server.url, headers=headers, timeout=60.0)
        self.job_id = str(self.http.post("/v1/jobs", content=_BODY).json()["id"])
        with self.database.unit_of_work() as connection:
            connection.execute(text("update jobs set priority = 1 where id = :id"), {"id": self.job_id})
        self._copy(num_waiting, set_status="queued")
        self._copy(num_over, set_status="succeeded")
        with self.database.unit_of_work() as connection:
            connection.execute(text("analyze"))

    def requests(self) -> dict[str, Callable[[], object]]:
        """What is timed."""
        return {
            "list": lambda: self.http.get("/v1/jobs?limit=10").raise_for_status(),
            "list of one status": lambda: self.http.get("/v1/jobs?status=queued&limit=1").raise_for_status(),
            "get": lambda: self.http.get(f"/v1/jobs/{self.job_id}").raise_for_status(),
            "submit": lambda: self.http.post("/v1/jobs", content=_BODY).raise_for_status(),
            "claim": self._claim,
        }

    def close(self) -> None:
        """Let go of the service."""
        self.http.close()
        self.database.close()

    def _claim(self) -> None:
        with self.database.unit_of_work() as connection:
            assert (
                leases.claim(
                    connection, pool="default", worker_id="wrk_b", worker="b", device="cpu", lease_seconds=3600.0
                )
                is not None
            )

    def _copy(self, number: int, *, set_status: str) -> None:
        """Copies of the first job, with what belongs to it, by SQL."""
        ids = [new_id("job") for _ in range(number)]
        over = set_status == "succeeded"
        with self.database.unit_of_work() as connection:
            columns = [row[1] for row in connection.execute(text("pragma table_info(jobs)"))]
            changed = {"id": ":id", "status": f"'{set_status}'", "priority": "0"}
            if over:
                changed |= {"finished_at": "created_at + 1", "started_at": "created_at", "phase": "'finished'"}
            values = ", ".join(changed.get(column, column) for column in columns)
            rows = [{"id": identifier, "first": self.job_id} for identifier in ids]
            if not rows:
                return
            connection.execute(
                text(f"insert into jobs ({', '.join(columns)}) select {values} from jobs where id = :first"),  # noqa: S608
                rows,
            )
            for table in _COPIED:
                names = [row[1] for row in connection.execute(text(f"pragma table_info({table})"))]
                copied = ", ".join(":id" if name == "job_id" else name for name in names)
                connection.execute(
                    text(
                        f"insert into {table} ({', '.join(names)}) "  # noqa: S608  names of the schema
                        f"select {copied} from {table} where job_id = :first"
                    ),
                    rows,
                )


def main() -> int:
    """Measure, print, and say by the exit status whether the target is met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trainyard-bench-") as name, ExitStack() as stack:
        filled = {}
        for number, (filling, (num_over, num_waiting)) in enumerate(FILLINGS.items()):
            server = stack.enter_context(_servers.ours(Path(name) / str(number)))
            filled[filling] = Filled(server, num_over=num_over, num_waiting=num_waiting)
            stack.callback(filled[filling].close)
        rows = [row for what in filled[_EMPTY].requests() for row in _measured(what, filled, chosen.requests)]
    return finish("growth", rows, write=chosen.write)


def _measured(what: str, filled: dict[str, Filled], num_requests: int) -> list[Row]:
    """A row for each filling but the empty one."""
    times: dict[str, list[float]] = {name: [] for name in filled}
    for number in range(num_requests + 5):
        for name, one in filled.items():
            began = time.perf_counter()
            one.requests()[what]()
            if number >= 5:
                times[name].append(1000 * (time.perf_counter() - began))
        if what == "claim":  # what is taken is put in again, so that there is always a next one
            for one in filled.values():
                one.requests()["submit"]()
    empty = median(times[_EMPTY])
    return [
        Row(
            what=f"{what}, {name}",
            ours=median(values),
            unit="ms",
            limit=empty,
            ratio={"as much as on the empty one": median(values) / empty},
            asked=f"<= {_MOST:g}x the empty service",
            kept=median(values) <= _MOST * empty,
        )
        for name, values in times.items()
        if name != _EMPTY
    ]


if __name__ == "__main__":
    sys.exit(main())
