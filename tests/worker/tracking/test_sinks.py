"""What each tracker keeps, asked through its child process: scores, odd values, times, runs that are opened again."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from tests.fixtures.waiting import wait_for
from tests.worker.tracking import wandb_files
from worker.messages import Frame
from worker.tracking.process import TrackerFailed, TrackerProcess, started

pytestmark = pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy is deprecated:sqlalchemy.exc.SADeprecationWarning"  # MLflow's own queries
)
TIMES = 1_700_000_000.0


def run(folder: Path, **fields: Any) -> dict[str, Any]:
    """The document that opens a run."""
    params = {"optimizer.type": "adamw", "data.target: odd": 7}
    named = {"job_id": "job_1", "name": None, "labels": {"team/a": "risk"}, "params": params, "began_at": TIMES}
    return {**named, "folder": str(folder), "address": f"sqlite:///{folder / 'runs.db'}", **fields}


def points(steps: list[int], **series: list[float]) -> Frame:
    columns = [
        column
        for values in series.values()
        for column in (np.array(steps), TIMES + np.array(steps, np.float64), np.array(values))
    ]
    return Frame("points", {"names": [name.replace("_", "/") for name in series]}, columns)


def ask(child: TrackerProcess, frame: Frame) -> Frame:
    return child.ask(frame, timeout_seconds=120)


def close(child: TrackerProcess, *, step: int) -> None:
    ask(child, Frame("close", {"ending": "succeeded", "test": {"test/accuracy": 0.75}, "step": step}))


def test_an_mlflow_run_that_is_opened_again_says_where_it_stands(tmp_path):
    settings = {"experiment": "e"}
    with started("mlflow", folder=tmp_path) as child:
        assert ask(child, Frame("open", run(tmp_path, settings=settings))).fields == {"step": -1}
        ask(child, points([1, 2, 3], train_loss=[0.5, float("nan"), 0.25]))
        child.kill()
    with started("mlflow", folder=tmp_path) as child:
        # Its last step may lack a metric, so it is asked for again.
        assert ask(child, Frame("open", run(tmp_path, settings=settings))).fields == {"step": 2}
        ask(child, points([3, 4], train_loss=[0.25, 0.125], validation_loss=[1.0, 2.0]))
        close(child, step=4)
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'runs.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("e").experiment_id])

    def history(name: str) -> list[tuple[int, int, float]]:
        kept = client.get_metric_history(found.info.run_id, name)
        return [(metric.step, metric.timestamp // 1000 - int(TIMES), metric.value) for metric in kept]

    np.testing.assert_array_equal(history("train/loss"), [(1, 1, 0.5), (2, 2, np.nan), (3, 3, 0.25), (4, 4, 0.125)])
    assert history("validation/loss") == [(3, 3, 1.0), (4, 4, 2.0)]
    assert [(step, value) for step, _, value in history("test/accuracy")] == [(4, 0.75)]
    assert found.data.params == {"optimizer.type": "adamw", "data.target_ odd": "7"}
    assert found.data.tags["team/a"] == "risk"
    assert (found.info.run_name, found.info.status) == ("job_1", "FINISHED")


def test_an_offline_wandb_run_has_a_row_a_step_with_its_time_and_the_scores_in_its_summary(tmp_path):
    settings = {"project": "p", "entity": None, "mode": "offline", "base_url": "https://api.wandb.ai"}
    with started("wandb", folder=tmp_path) as child:
        assert ask(child, Frame("open", run(tmp_path, settings=settings))).fields == {"step": -1}
        ask(child, points([1, 2], train_loss=[0.5, 0.25], train_accuracy=[0.0, 1.0]))
        close(child, step=2)
    (path,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    wait_for(lambda: wandb_files.is_whole(path), "W&B's own process to write it all")
    rows = wandb_files.rows(path)
    kept = [{name: row[name] for name in ("step", "train/loss", "train/accuracy", "_timestamp")} for row in rows]
    assert kept == [
        {"step": 1, "train/loss": 0.5, "train/accuracy": 0.0, "_timestamp": TIMES + 1},
        {"step": 2, "train/loss": 0.25, "train/accuracy": 1.0, "_timestamp": TIMES + 2},
    ]
    assert wandb_files.summary_of(path)["test/accuracy"] == 0.75
    assert wandb_files.run_of(path).run_id == "job_1"


def test_a_wandb_server_that_is_not_there_is_a_failure_within_the_time_allowed(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    settings = {"project": "p", "entity": None, "mode": "online", "base_url": "http://127.0.0.1:9"}
    began = time.monotonic()
    with started("wandb", folder=tmp_path) as child, pytest.raises(TrackerFailed):
        child.ask(Frame("open", run(tmp_path, settings=settings)), timeout_seconds=5)
    assert time.monotonic() - began < 25
