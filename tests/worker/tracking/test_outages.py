"""Trackers that are away, hang, die or never come back: the job does not notice, and nothing is lost or told twice."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from models.status import Status
from tests.fixtures.waiting import wait_for
from tests.worker.running import is_alive
from tests.worker.tracking.stored import Curves, curves, is_fed, warnings
from tests.worker.yard import Yard, open_yard
from worker.messages import Frame
from worker.tracking.feeder import Patience
from worker.tracking.process import TrackerFailed, started

FAKE = (sys.executable, str(Path(__file__).with_name("fake_child.py")))
MLFLOW = {"mlflow": {"tracking_uri": "sqlite:///unused.db"}}
QUICK = Patience(poll=0.02, opening=8, answer=8, first_retry=0.05, longest_retry=0.1, linger=20)
SHORT = Patience(poll=0.02, opening=6, answer=6, first_retry=0.05, longest_retry=0.1, linger=2)


@dataclass
class Tracker:
    """The stand-in, seen from the test."""

    folder: Path

    def be(self, mode: str) -> None:
        (self.folder / "mode").write_text(mode)

    def rows(self) -> Curves:
        file, found = self.folder / "rows", Curves()
        for line in file.read_text().splitlines() if file.exists() else []:
            row = json.loads(line)
            found.setdefault(row["name"], []).append((row["step"], row["value"]))
        return found

    def pid(self) -> int | None:
        file = self.folder / "pid"
        return int(file.read_text() or 0) or None if file.exists() else None

    def ending(self) -> str:
        file = self.folder / "ending"
        return file.read_text() if file.exists() else ""


@pytest.fixture
def tracker(tmp_path, monkeypatch) -> Tracker:
    made = Tracker(tmp_path / "tracker")
    made.folder.mkdir()
    made.be("well")
    monkeypatch.setenv("FAKE_TRACKER", str(made.folder))
    return made


@contextmanager
def yard_with(database, folder: Path, spares, patience: Patience) -> Iterator[Yard]:
    with open_yard(
        database,
        folder,
        spares,
        patience=patience,
        tracker_command=FAKE,
        tracking_destinations="sqlite",
        heartbeat_seconds=0.05,
    ) as yard:
        yield yard


@pytest.fixture
def yard(sqlite_database, tmp_path, spares):
    with yard_with(sqlite_database, tmp_path, spares, QUICK) as opened:
        yield opened


@pytest.fixture
def short_yard(sqlite_database, tmp_path, spares):
    with yard_with(sqlite_database, tmp_path, spares, SHORT) as opened:
        yield opened


def begin(yard: Yard) -> str:
    job_id = yard.submit("endless", tracking=MLFLOW)
    yard.ring()
    yard.wait(job_id, Status.RUNNING, phase="training")
    return job_id


def finish(yard: Yard, job_id: str) -> None:
    yard.control("stop", job_id)
    assert yard.wait(job_id).status == Status.SUCCEEDED
    wait_for(lambda: is_fed(yard), "the tracker to be fed")


def assert_all_told_once(yard: Yard, job_id: str, tracker: Tracker) -> None:
    assert tracker.rows() == curves(yard, job_id)
    assert tracker.ending() == "succeeded"
    assert "tracking_gap" not in warnings(yard, job_id)


def test_points_are_told_while_the_job_trains(yard, tracker):
    job_id = begin(yard)
    wait_for(lambda: len(tracker.rows().get("train/loss", [])) >= 9, "the first steps")
    finish(yard, job_id)
    assert_all_told_once(yard, job_id, tracker)
    assert warnings(yard, job_id) == {}


@pytest.mark.parametrize("mode", ["away", "hanging"])
def test_an_outage_is_a_warning_and_what_it_missed_is_told_later(yard, tracker, mode):
    tracker.be(mode)
    job_id = begin(yard)
    told = wait_for(lambda: warnings(yard, job_id).get("tracking_delayed"), "a warning")
    assert told.startswith("MLflow does not take what is measured (")
    assert tracker.rows() == {}
    tracker.be("well")
    finish(yard, job_id)
    assert_all_told_once(yard, job_id, tracker)


def test_a_killed_child_is_followed_by_another_that_goes_on(yard, tracker):
    job_id = begin(yard)
    wait_for(lambda: tracker.rows(), "the first rows")
    pid = tracker.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(pid), "the child to be gone")
    finish(yard, job_id)
    assert_all_told_once(yard, job_id, tracker)


def test_what_was_taken_but_not_acknowledged_is_not_told_twice(yard, tracker):
    tracker.be("dying")
    job_id = begin(yard)
    wait_for(lambda: warnings(yard, job_id).get("tracking_delayed"), "the child to die")
    finish(yard, job_id)
    assert_all_told_once(yard, job_id, tracker)


@pytest.mark.parametrize("mode", ["away", "hanging"])
def test_a_tracker_that_never_comes_back_leaves_a_gap_and_the_job_as_it_was(short_yard, tracker, mode):
    tracker.be(mode)
    job = short_yard.train("plain", tracking=MLFLOW)
    assert job.status == Status.SUCCEEDED
    assert not is_fed(short_yard), "the job did not wait for its tracker"
    wait_for(lambda: is_fed(short_yard), "the feeder to give up")
    assert warnings(short_yard, job.id)["tracking_gap"].startswith("MLflow was told nothing; ")


def test_a_tracker_that_goes_away_for_good_leaves_a_warning_that_says_how_far_it_was_told(short_yard, tracker):
    job_id = begin(short_yard)
    wait_for(lambda: len(tracker.rows().get("train/loss", [])) >= 9, "the first steps")
    tracker.be("away")
    finish(short_yard, job_id)
    assert "up to step 9;" in wait_for(lambda: warnings(short_yard, job_id).get("tracking_gap"), "the gap to be told")


def test_an_attempt_that_is_superseded_tells_nothing_more(yard, tracker):
    job_id = begin(yard)
    wait_for(lambda: tracker.rows(), "the first rows")
    supervisor = yard.slots._running[job_id]
    with yard.database.unit_of_work() as connection:
        connection.exec_driver_sql("update jobs set attempt = attempt + 1, lease_token = 'other'")
        connection.exec_driver_sql("delete from job_leases")
    supervisor.nudge()
    yard.join()
    wait_for(lambda: is_fed(yard), "the feeder to stop")
    pid = tracker.pid()
    assert pid is not None
    wait_for(lambda: not is_alive(pid), "the child to be gone")
    assert tracker.ending() == ""


def test_a_database_that_is_away_ends_no_feeding(yard, tracker):
    job_id = begin(yard)
    wait_for(lambda: tracker.rows(), "the first rows")
    yard.database.is_away = True
    before = yard.database.num_refused
    wait_for(lambda: yard.database.num_refused > before + 3, "the database to be missed")
    yard.database.is_away = False
    finish(yard, job_id)
    assert_all_told_once(yard, job_id, tracker)


def test_a_child_dies_with_its_feeder_also_while_its_library_hangs(tracker, tmp_path):
    tracker.be("hanging")
    with started("mlflow", folder=tmp_path / "child", command=FAKE) as child:
        with pytest.raises(TrackerFailed, match="no answer within"):
            child.ask(Frame("open", {}), timeout_seconds=1)
        pid = wait_for(tracker.pid, "the child to hang")
        assert is_alive(pid)
        child._channel.shutdown(2)
        wait_for(lambda: not is_alive(pid), "the child to follow")


def test_a_child_knows_the_trackers_secrets_and_not_the_services(tracker, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "for the tracker")
    monkeypatch.setenv("TRAINYARD_DATABASE_URL", "postgresql://secret")
    with started("mlflow", folder=tmp_path / "child", command=FAKE) as child:
        child.ask(Frame("open", {}), timeout_seconds=30)
        pid = tracker.pid()
        assert pid is not None
        environment = psutil.Process(pid).environ()
    assert environment["WANDB_API_KEY"] == "for the tracker"
    assert not [name for name in environment if name.startswith("TRAINYARD_")]


@contextmanager
def serving(*, status: int | None) -> Iterator[str]:
    """A server that answers everything with one status, or takes requests and never answers."""
    is_over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if status is None:
                is_over.wait()
            self.send_response(status or 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815  the name that the library calls

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            is_over.set()
            server.shutdown()


@pytest.mark.parametrize("status", [503, None])
def test_a_server_that_fails_or_hangs_costs_a_job_nothing(sqlite_database, tmp_path, spares, status):
    patience = Patience(poll=0.05, opening=15, answer=5, first_retry=0.05, linger=15 if status else 5)
    with (
        serving(status=status) as url,
        open_yard(sqlite_database, tmp_path, spares, patience=patience, tracking_destinations=url) as yard,
    ):
        job = yard.train("plain", tracking={"mlflow": {"tracking_uri": url}})
        assert job.status == Status.SUCCEEDED
        assert not is_fed(yard), "the job did not wait for its tracker"
        wait_for(lambda: {"tracking_delayed", "tracking_gap"} & warnings(yard, job.id).keys(), "a warning")
