"""What an attempt writes to the database: batches and its ending, each in one fenced transaction.

A transaction whose COMMIT was not answered may or may not have happened. The heartbeats of a lease are counted in the
database, and an attempt has one pen: if the count is one more than at the last answer, nothing was committed since, and
the batch is written; if it is higher, the batch is there already. So whatever is repeated is written once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from models import checkpoints, endings, histograms, leases, logs, metrics
from models.database import Connection, Database
from models.endings import Ending
from models.errors import Superseded
from models.events import Entry
from models.json_text import encode
from models.leases import Lease, Orders
from models.status import Status
from worker.batch import Batch
from worker.messages import Frame


class Discarding(Protocol):
    """Where checkpoints are deleted: the artifact store, or who carries them there."""

    def delete(self, key: str) -> None:
        """Delete what is under a key."""


class Ledger:
    """The pen of one attempt. Writing raises `Superseded` once another holds the job, and `Unavailable` at times.

    Not for several threads. After `Unavailable` the same batch must be written again before any other.
    """

    def __init__(
        self, database: Database, store: Discarding, lease: Lease, *, lease_seconds: float, keep_last: int = 2
    ) -> None:
        """`store` deletes the checkpoints that no row names any more; it may do so later."""
        self.lease: Final = lease
        self._database = database
        self._store = store
        self._lease_seconds = lease_seconds
        self._keep_last = keep_last
        self._answered_beat = 0

    def write(self, batch: Batch) -> Orders:
        """Write a batch, which also renews the lease; answers what the holder is asked to do."""
        with self._database.unit_of_work() as connection:
            orders, outdated = self._enter(connection, batch)
        self._answered_beat = orders.beat
        self._delete(outdated)
        return orders

    def end(self, batch: Batch, ending: Ending) -> Status:
        """Write what is left and end the attempt, in one transaction; may be repeated when its outcome is unknown.

        Every batch before it must have been written.
        """
        try:
            with self._database.unit_of_work() as connection:
                _, outdated = self._enter(connection, batch)
                status = endings.end(connection, self.lease, ending)
        except Superseded:
            with self._database.unit_of_work() as connection:
                return endings.end(connection, self.lease, ending)
        self._delete(outdated)
        return status

    def remark(self, code: str, message: str) -> None:
        """Add a warning to the job, also when the attempt has ended, unless another has begun."""
        with self._database.unit_of_work() as connection:
            leases.remark(connection, self.lease, code=code, message=message)

    def _enter(self, connection: Connection, batch: Batch) -> tuple[Orders, list[str]]:
        """Write a batch behind the guard, unless it is there already; answers the orders, and the artifacts to delete
        after the commit.
        """
        progress = None if batch.progress is None else dict(batch.progress)
        orders = leases.beat(
            connection,
            self.lease,
            lease_seconds=self._lease_seconds,
            step=None if progress is None else progress["step"],
            progress=progress,
        )
        if orders.beat > self._answered_beat + 1:
            return orders, []
        outdated = self._enter_frames(connection, batch.frames)
        job_id, attempt = self.lease.job_id, self.lease.attempt
        if batch.series:
            metrics.append(connection, job_id=job_id, series=batch.points())
        if batch.log:
            logs.append(connection, job_id=job_id, attempt=attempt, content=bytes(batch.log))
        return orders, outdated

    def _enter_frames(self, connection: Connection, frames: Sequence[Frame]) -> list[str]:
        """Write what the frames say, in order; the job's own row is changed once for as many as possible."""
        entries: list[Entry] = []
        columns: dict[str, Any] = {}
        outdated: list[str] = []
        for frame in frames:
            match frame.kind:
                case "phase":
                    entries.append(Entry("job.phase", {"phase": frame.fields["phase"]}))
                    columns["phase"] = frame.fields["phase"]
                case "resolved":
                    columns["resolved_spec"] = encode(frame.fields["spec"])
                case "checkpoint":
                    entry, gone = self._enter_checkpoint(connection, frame)
                    entries.append(entry)
                    outdated += gone
                case _:
                    self._note(connection, entries, columns)
                    self._enter_rare(connection, frame)
        self._note(connection, entries, columns)
        return outdated

    def _note(self, connection: Connection, entries: list[Entry], columns: dict[str, Any]) -> None:
        if entries or columns:
            leases.note(connection, self.lease, entries=entries, **columns)
        entries.clear()
        columns.clear()

    def _enter_rare(self, connection: Connection, frame: Frame) -> None:
        match frame.kind:
            case "warning":
                leases.warn(connection, self.lease, code=frame.fields["code"], message=frame.fields["message"])
            case "finding":
                leases.found(connection, self.lease, **_found(frame.fields))
            case "resumed":
                leases.resumed(connection, self.lease, step=frame.fields["step"])
            case "rewound":
                leases.rewound(connection, self.lease, step=frame.fields["step"])
            case "restarted":
                leases.restarted(connection, self.lease)
            case "histograms":
                histograms.append(connection, job_id=self.lease.job_id, taken=_taken(frame))
            case "damaged":
                attempt, step = frame.fields["attempt"], frame.fields["step"]
                checkpoints.mark_corrupt(connection, job_id=self.lease.job_id, attempt=attempt, step=step)
                entry = Entry("job.checkpoint_damaged", frame.fields)
                leases.note(connection, self.lease, entries=[entry])
            case _:
                raise ValueError(f"a frame of unknown kind: {frame.kind}")

    def _enter_checkpoint(self, connection: Connection, frame: Frame) -> tuple[Entry, list[str]]:
        identifier, outdated = checkpoints.record(
            connection,
            job_id=self.lease.job_id,
            attempt=self.lease.attempt,
            saved=_saved(self.lease, frame),
            keep_last=self._keep_last,
        )
        said = {"id": identifier, **{name: frame.fields[name] for name in ("step", "epoch", "kinds", "metrics")}}
        return Entry("job.checkpoint", said), outdated

    def _delete(self, locations: list[str]) -> None:
        for location in locations:
            self._store.delete(location)


def folder_key(lease: Lease) -> str:
    """Where in the artifact store an attempt keeps its checkpoints."""
    return f"jobs/{lease.job_id}/{lease.attempt}"


def _taken(frame: Frame) -> histograms.Histograms:
    names = frame.fields["names"]
    figures, counts = (array.reshape(len(names), -1) for array in frame.arrays)
    return histograms.Histograms(frame.fields["step"], frame.fields["time"], names, figures, counts)


def _saved(lease: Lease, frame: Frame) -> checkpoints.Saved:
    fields = frame.fields
    return checkpoints.Saved(
        step=fields["step"],
        epoch=fields["epoch"],
        is_best="best" in fields["kinds"],
        is_final="final" in fields["kinds"],
        metrics=fields["metrics"],
        files=fields["files"],
        location=fields.get("location") or f"{folder_key(lease)}/{Path(fields['path']).name}",
        manifest_sha256=fields["manifest_sha256"],
    )


def _found(fields: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: fields[name] for name in ("severity", "message", "evidence")}
    suggestion = {"message": fields["advice"], "patch": fields["patch"]}
    return {"rule": fields["rule"], "step": fields["step"], "said": {**said, "suggestion": suggestion}}
