"""W&B offline, read back from its run files: one run, every step in one row, also of a job that was interrupted."""

from pathlib import Path

import pytest

from models.status import Status
from tests.fixtures.waiting import wait_for
from tests.worker.tracking import wandb_files
from tests.worker.tracking.stored import Curves, curves, is_fed, warnings
from tests.worker.yard import Yard, open_yard
from worker.tracking.feeder import Patience

QUICK = Patience(poll=0.05, first_retry=0.05, linger=40)
WANDB = {"wandb": {"project": "flowers", "mode": "offline"}}


@pytest.fixture
def yard(sqlite_database, tmp_path, spares):
    with open_yard(sqlite_database, tmp_path, spares, patience=QUICK, heartbeat_seconds=0.05) as opened:
        yield opened


def run_file(yard: Yard, job_id: str) -> Path:
    """The only run file of a job."""
    (found,) = (yard.folder / "artifacts" / "jobs" / job_id).glob("wandb/wandb/offline-run-*/*.wandb")
    return found


def logged(path: Path) -> Curves:
    found: Curves = {}
    for row in wandb_files.rows(path):
        for name, value in row.items():
            if "/" in name:
                found.setdefault(name, []).append((row["step"], value))
    return found


def wait_until_fed(yard: Yard) -> None:
    wait_for(lambda: is_fed(yard), "the trackers to be fed", timeout_seconds=60)


def test_a_job_is_a_run_with_its_rows_and_choices(yard):
    job = yard.train("plain", tracking=WANDB, seed=7)
    wait_until_fed(yard)
    path = run_file(yard, job.id)
    assert (job.status, warnings(yard, job.id)) == (Status.SUCCEEDED, {})
    assert logged(path) == curves(yard, job.id)
    run = wandb_files.run_of(path)
    assert (run.run_id, run.project, run.display_name) == (job.id, "flowers", "plain")
    assert {item.key: item.value_json for item in run.config.update}["seed"] == "7"
    assert wandb_files.exit_code_of(path) == 0


def test_an_interrupted_job_has_one_run_without_gap_or_double(yard):
    job_id = yard.submit("endless", tracking=WANDB)
    yard.ring()
    yard.wait(job_id, Status.RUNNING, phase="training")
    yard.control("pause", job_id)
    yard.wait(job_id, Status.PAUSED)
    wait_until_fed(yard)
    assert logged(run_file(yard, job_id))
    yard.control("resume", job_id)
    yard.ring()
    yard.wait(job_id, Status.RUNNING, phase="training")
    yard.control("cancel", job_id)
    yard.wait(job_id)
    wait_until_fed(yard)
    path = run_file(yard, job_id)
    assert logged(path) == curves(yard, job_id)
    steps = [row["step"] for row in wandb_files.rows(path)]
    assert steps == list(range(1, len(steps) + 1))
    assert wandb_files.exit_code_of(path) == 1
