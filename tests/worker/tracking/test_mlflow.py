"""MLflow, by its own client against a real SQLite database: every point once, whatever happened in between."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from models.status import Status
from tests.fixtures.waiting import wait_for
from tests.worker.tracking.stored import Curves, curves, is_fed, warnings
from tests.worker.yard import Yard, open_yard
from worker.tracking.feeder import Patience

pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy is deprecated:sqlalchemy.exc.SADeprecationWarning"  # MLflow's own queries
)
QUICK = Patience(poll=0.05, first_retry=0.05, linger=30)
MLFLOW = {"mlflow": {"tracking_uri": "sqlite:///runs.db", "experiment": "flowers"}}


@pytest.fixture(scope="module")
def empty_runs(tmp_path_factory) -> Path:
    """An MLflow database without runs, which takes longer to make than to copy."""
    path = tmp_path_factory.mktemp("mlflow") / "runs.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def yard(sqlite_database, tmp_path, spares, empty_runs):
    (tmp_path / "tracking").mkdir()
    shutil.copy(empty_runs, tmp_path / "tracking")
    with open_yard(
        sqlite_database, tmp_path, spares, patience=QUICK, tracking_destinations="sqlite", heartbeat_seconds=0.05
    ) as opened:
        yield opened


def client_of(yard: Yard) -> MlflowClient:
    return MlflowClient(tracking_uri=f"sqlite:///{yard.folder / 'tracking' / 'runs.db'}")


def runs(yard: Yard) -> list[Run]:
    client = client_of(yard)
    experiment = client.get_experiment_by_name("flowers")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def logged(yard: Yard, run: Run) -> Curves:
    client = client_of(yard)
    found = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    return {name: [(metric.step, metric.value) for metric in history] for name, history in found.items()}


def wait_until_fed(yard: Yard) -> None:
    wait_for(lambda: is_fed(yard), "the trackers to be fed", timeout_seconds=60)


def test_a_job_is_a_run_with_its_metrics_params_and_scores(yard):
    job = yard.train("plain", tracking=MLFLOW, labels={"team": "risk"}, seed=7)
    wait_until_fed(yard)
    (run,) = runs(yard)
    assert job.status == Status.SUCCEEDED
    assert (run.info.run_name, run.info.status) == ("plain", "FINISHED")
    assert logged(yard, run) == curves(yard, job.id)
    assert run.data.params["seed"] == "7"
    assert run.data.params["data.dataset"] == "iris"
    assert (run.data.tags["trainyard.job_id"], run.data.tags["team"]) == (job.id, "risk")
    assert warnings(yard, job.id) == {}


def test_a_resumed_job_goes_on_with_its_run_and_logs_no_step_twice(yard):
    job_id = yard.submit("endless", tracking=MLFLOW)
    yard.ring()
    yard.wait(job_id, Status.RUNNING, phase="training")
    yard.control("pause", job_id)
    yard.wait(job_id, Status.PAUSED)
    wait_until_fed(yard)
    assert [run.info.status for run in runs(yard)] == ["SCHEDULED"]
    yard.control("resume", job_id)
    yard.ring()
    yard.wait(job_id, Status.RUNNING, phase="training")
    yard.control("stop", job_id)
    yard.wait(job_id)
    wait_until_fed(yard)
    (run,) = runs(yard)
    assert run.info.status == "FINISHED"
    assert logged(yard, run) == curves(yard, job_id)
    steps = [step for step, _ in logged(yard, run)["train/loss"]]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) > 10


@pytest.mark.parametrize(("name", "status"), [("diverging", "FAILED"), ("endless", "KILLED")])
def test_the_run_ends_as_the_job_does(yard, name, status):
    job_id = yard.submit(name, tracking=MLFLOW)
    yard.ring()
    if name == "endless":
        yard.wait(job_id, Status.RUNNING, phase="training")
        yard.control("cancel", job_id)
    yard.wait(job_id)
    wait_until_fed(yard)
    (run,) = runs(yard)
    assert run.info.status == status
    assert logged(yard, run) == curves(yard, job_id)


def test_a_tracker_that_the_worker_does_not_allow_is_a_warning(sqlite_database, tmp_path, spares):
    with open_yard(sqlite_database, tmp_path, spares) as yard:
        job = yard.train("plain", tracking=MLFLOW)
        assert job.status == Status.SUCCEEDED
        assert "does not allow" in warnings(yard, job.id)["tracking_refused"]
        assert not (tmp_path / "tracking").exists()


def test_the_library_that_is_not_installed_is_a_warning(yard, tmp_path, monkeypatch):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "mlflow.py").write_text("raise ModuleNotFoundError('No module named mlflow', name='mlflow')")
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    job = yard.train("plain", tracking=MLFLOW)
    wait_until_fed(yard)
    assert job.status == Status.SUCCEEDED
    assert warnings(yard, job.id) == {
        "tracking_unavailable": "MLflow: mlflow is not installed on this worker; the job goes on without it."
    }
