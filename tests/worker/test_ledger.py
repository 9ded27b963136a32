"""What an attempt writes, on both databases: complete, in order, fenced, and tidy behind the commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import checkpoints, events, findings, histograms, jobs, leases, logs, metrics
from models.artifacts import LocalStore
from models.database import Connection, Database
from models.endings import Ending
from models.errors import Superseded, Unavailable
from models.leases import Lease
from models.status import Outcome, Status
from tests.worker.running import job_spec
from worker.batch import Batch
from worker.ledger import Ledger, folder_key
from worker.messages import Frame


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "artifacts")


@pytest.fixture
def ledger(database: Database, store: LocalStore) -> Ledger:
    return opened(database, store)


def opened(database: Database, store: LocalStore) -> Ledger:
    spec = job_spec("a")
    with database.unit_of_work() as connection:
        jobs.submit(connection, project="default", sent=spec, resolved=spec)
        claim = leases.claim(
            connection, pool="default", worker_id="wrk_1", worker="w", device="cpu", lease_seconds=60.0
        )
    assert claim is not None
    return Ledger(database, store, claim.lease, lease_seconds=60, keep_last=1)


def batch(*frames: Frame, log: bytes = b"") -> Batch:
    made = Batch()
    for frame in frames:
        made.add(frame)
    made.add_log(log)
    return made


def checkpoint(store: LocalStore, lease: Lease, step: int, *kinds: str) -> Frame:
    folder = store.path(f"{folder_key(lease)}/{step}")
    folder.mkdir(parents=True)
    file = {"name": "weights.safetensors", "bytes": 1, "sha256": "ab"}
    fields = {"step": step, "epoch": 1, "kinds": list(kinds), "metrics": {"validation/loss": 0.5}, "files": [file]}
    return Frame("checkpoint", {**fields, "path": str(folder), "manifest_sha256": "cd"})


def loss(*steps: int) -> Frame:
    numbers = np.array(steps)
    return Frame("metrics", {"names": ["train/loss"]}, (numbers, numbers * 1.0, numbers * 1.0))


def test_histograms_are_kept_tensor_by_tensor(database, ledger):
    names = ["weights/a", "weights/b"]
    frame = Frame("histograms", {"step": 4, "time": 2.5, "names": names}, (np.arange(10.0), np.arange(6.0)))
    ledger.write(batch(frame))
    with database.reading() as connection:
        (kept,) = histograms.listing(connection, job_id=ledger.lease.job_id)
    assert (kept.step, kept.time, kept.names) == (4, 2.5, names)
    assert kept.figures[1].tolist() == [5.0, 6.0, 7.0, 8.0, 9.0]
    assert kept.counts[1].tolist() == [3.0, 4.0, 5.0]


def test_a_finding_is_kept_with_its_suggestion(database, ledger):
    fields = {"rule": "overfitting", "severity": "warning", "step": 7, "message": "It rises.", "evidence": {"a": 0.5}}
    ledger.write(batch(Frame("finding", {**fields, "advice": "Drop more.", "patch": {"network": {"dropout": 0.4}}})))
    with database.reading() as connection:
        (kept,) = findings.listing(connection, job_id=ledger.lease.job_id)
    assert (kept.rule, kept.step, kept.said["evidence"]) == ("overfitting", 7, {"a": 0.5})
    assert kept.said["suggestion"] == {"message": "Drop more.", "patch": {"network": {"dropout": 0.4}}}


def told(database: Database, job_id: str) -> list[tuple[str, Any]]:
    with database.reading() as connection:
        return [(event.type, event.data) for event in events.listing(connection, job_id=job_id)]


def test_a_batch_is_written_whole(database, store, ledger):
    job_id = ledger.lease.job_id
    ledger.write(
        batch(
            Frame("phase", {"phase": "training"}),
            Frame("resolved", {"spec": {**job_spec("a"), "seed": 7}, "facts": {}}),
            Frame("progress", {"step": 3, "steps": 9, "epoch": 1, "epochs": 1, "fraction": 0.3, "eta_seconds": None}),
            Frame("warning", {"code": "odd", "message": "This is odd."}),
            checkpoint(store, ledger.lease, 3, "latest"),
            loss(1, 2, 3),
            log=b"hello",
        )
    )
    with database.reading() as connection:
        job = jobs.get(connection, project="default", job_id=job_id)
        assert logs.read(connection, job_id=job_id).content == b"hello"
        assert metrics.series(connection, job_id=job_id, name="train/loss").steps.tolist() == [1, 2, 3]
        (saved,) = checkpoints.listing(connection, job_id=job_id)
    assert (job.phase, job.resolved_spec["seed"], job.progress["step"]) == ("training", 7, 3)
    assert job.warnings == [{"code": "odd", "message": "This is odd."}]
    assert (saved.location, saved.manifest_sha256) == (f"jobs/{job_id}/1/3", "cd")


def test_events_keep_the_order_in_which_things_happened(database, store, ledger):
    ledger.write(
        batch(
            Frame("phase", {"phase": "preparing_data"}),
            Frame("damaged", {"attempt": 1, "step": 9, "message": "bad"}),
            Frame("resumed", {"step": 5}),
            Frame("phase", {"phase": "training"}),
            Frame("warning", {"code": "odd", "message": "This is odd."}),
            checkpoint(store, ledger.lease, 6, "latest", "best"),
        )
    )
    assert [kind for kind, _ in told(database, ledger.lease.job_id)] == [
        "job.queued",
        "job.running",
        "job.phase",
        "job.checkpoint_damaged",
        "job.resumed",
        "job.phase",
        "job.warning",
        "job.checkpoint",
    ]


def test_only_the_attempt_of_a_damaged_checkpoint_loses_it(database, store, ledger):
    lease = ledger.lease
    ledger.write(batch(checkpoint(store, lease, 9, "latest")))
    for attempt, steps in ((lease.attempt + 1, [9]), (lease.attempt, [])):
        ledger.write(batch(Frame("damaged", {"attempt": attempt, "step": 9, "message": "bad"})))
        with database.reading() as connection:
            assert [saved.step for saved in checkpoints.listing(connection, job_id=lease.job_id)] == steps


def test_points_behind_the_step_of_a_resumption_are_replaced(database, ledger):
    ledger.write(batch(loss(1, 2, 3, 4)))
    ledger.write(batch(Frame("resumed", {"step": 2}), loss(3)))
    with database.reading() as connection:
        steps = metrics.series(connection, job_id=ledger.lease.job_id, name="train/loss").steps
    assert steps.tolist() == [1, 2, 3]


def test_a_rewound_run_takes_its_steps_again(database, ledger):
    ledger.write(batch(loss(1, 2, 3, 4)))
    ledger.write(batch(loss(5, 6), Frame("rewound", {"step": 3}), loss(4, 5)))
    ledger.write(batch(loss(6, 7), Frame("rewound", {"step": 6}), loss(7)))
    job_id = ledger.lease.job_id
    with database.reading() as connection:
        assert metrics.series(connection, job_id=job_id, name="train/loss").steps.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert [data["step"] for kind, data in told(database, job_id) if kind == "job.rewound"] == [3, 6]


def test_a_start_from_nothing_forgets_all_points(database, ledger):
    ledger.write(batch(loss(1, 2, 3, 4)))
    ledger.write(batch(Frame("restarted"), loss(1)))
    with database.reading() as connection:
        steps = metrics.series(connection, job_id=ledger.lease.job_id, name="train/loss").steps
    assert steps.tolist() == [1]


def test_old_checkpoints_leave_the_disk_only_behind_the_commit_of_new_ones(store, ledger):
    ledger.write(batch(checkpoint(store, ledger.lease, 1, "latest", "best")))
    ledger.write(batch(checkpoint(store, ledger.lease, 2, "latest")))
    ledger.write(batch(checkpoint(store, ledger.lease, 3, "latest")))
    there = sorted(path.name for path in store.path(folder_key(ledger.lease)).iterdir())
    assert there == ["1", "3"], "the best and the newest"


def test_an_ending_takes_along_what_was_not_written_yet(database, ledger):
    ending = Ending(outcome=Outcome.CANCELLED)
    assert ledger.end(batch(loss(1), log=b"bye"), ending) == Status.QUEUED
    with database.reading() as connection:
        assert logs.read(connection, job_id=ledger.lease.job_id).content == b"bye"
    assert ledger.end(batch(loss(1), log=b"bye"), ending) == Status.QUEUED, "it may be repeated"
    with database.reading() as connection:
        assert logs.read(connection, job_id=ledger.lease.job_id).content == b"bye"


class Forgetful(Database):
    """Loses the answers of the commits that `loses` counts off."""

    loses = 0

    @contextmanager
    def unit_of_work(self) -> Iterator[Connection]:
        with super().unit_of_work() as connection:
            yield connection
        if self.loses > 0:
            self.loses -= 1
            raise Unavailable("the connection broke behind the commit")


@pytest.mark.parametrize("num_lost", [1, 3])
def test_a_batch_whose_commit_was_not_answered_is_there_once(database_url, store, num_lost):
    database = Forgetful(database_url)
    ledger = opened(database, store)
    ledger.write(batch(log=b"one "))
    database.loses = num_lost
    second = batch(Frame("phase", {"phase": "training"}), checkpoint(store, ledger.lease, 3, "latest"), log=b"two ")
    for _ in range(num_lost):
        with pytest.raises(Unavailable):
            ledger.write(second)
    ledger.write(second)
    ledger.write(batch(log=b"three"))
    job_id = ledger.lease.job_id
    with database.reading() as connection:
        assert logs.read(connection, job_id=job_id).content == b"one two three"
    assert [kind for kind, _ in told(database, job_id)] == ["job.queued", "job.running", "job.phase", "job.checkpoint"]
    database.close()


def test_a_batch_that_was_rolled_back_is_written_by_the_repetition(database, ledger, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(logs, "append", broken)
        with pytest.raises(Unavailable):
            ledger.write(batch(log=b"one"))
    ledger.write(batch(log=b"one"))
    with database.reading() as connection:
        assert logs.read(connection, job_id=ledger.lease.job_id).content == b"one"


def broken(*_: object, **__: object) -> None:
    raise Unavailable("the connection broke amid the transaction")


def test_a_stranger_writes_nothing(database, store, ledger):
    lease = ledger.lease
    stranger = Ledger(database, store, Lease(lease.job_id, lease.attempt, "0" * 32), lease_seconds=60)
    before = told(database, lease.job_id)
    with pytest.raises(Superseded):
        stranger.write(batch(Frame("phase", {"phase": "training"}), loss(1), log=b"mine"))
    with pytest.raises(Superseded):
        stranger.end(batch(loss(1)), Ending(outcome=Outcome.PAUSED))
    assert told(database, lease.job_id) == before
    with database.reading() as connection:
        assert metrics.names(connection, job_id=lease.job_id) == []
        assert logs.read(connection, job_id=lease.job_id).content == b""


def test_a_frame_that_nobody_knows_is_an_error(ledger):
    with pytest.raises(ValueError, match="unknown kind"):
        ledger.write(batch(Frame("gossip")))
