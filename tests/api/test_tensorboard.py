"""Event files over HTTP, read back by TensorBoard's own reader."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models import histograms, metrics
from models.database import Database
from models.histograms import Histograms
from models.leases import Lease
from models.metric_blobs import points
from models.status import Outcome
from tests.api.steps import problem, running, submit, write_points
from tests.fixtures import event_files
from tests.models.steps import end, held


@pytest.fixture
def job(client: TestClient, database: Database) -> tuple[str, Lease]:
    """A running job with two series."""
    job_id, lease = running(client, database)
    write_points(database, lease, "train/loss", [1, 2, 3], [0.5, float("nan"), 0.125])
    write_points(database, lease, "validation/accuracy", [3], [0.75])
    return job_id, lease


def download(client: TestClient, job_id: str, folder: Path) -> Any:
    """The job's event file in a folder, read."""
    answer = client.get(f"/v1/jobs/{job_id}/tensorboard")
    assert answer.status_code == 200
    name = answer.headers["content-disposition"].partition('"')[2].strip('"')
    assert name.startswith("events.out.tfevents.")
    assert name.endswith(job_id)
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(answer.content)
    return event_files.read(folder)


def test_every_series_is_there_in_full(client, job, tmp_path):
    found = download(client, job[0], tmp_path / "run")
    assert sorted(found.Tags()["scalars"]) == ["train/loss", "validation/accuracy"]
    steps, values = event_files.curve(found, "train/loss")
    assert steps == [1, 2, 3]
    np.testing.assert_array_equal(values, [0.5, np.nan, 0.125])
    assert [point.wall_time for point in found.Scalars("train/loss")] == [1_700_000_001.0, 1.700000002e9, 1.700000003e9]
    assert event_files.choices(found)["data.dataset"] == "iris"


def test_what_is_compared_are_validation_scores_until_there_are_test_scores(client, database, job, tmp_path):
    job_id, lease = job
    running_still = event_files.hparams(download(client, job_id, tmp_path / "a"), "experiment").experiment
    assert [info.name.tag for info in running_still.metric_infos] == ["validation/accuracy"]
    result = {"test": {"accuracy": 0.875, "loss": 0.25}, "steps": 3}
    end(database, lease, Outcome.SUCCEEDED, result=result, digest="0" * 64)
    found = download(client, job_id, tmp_path / "b")
    experiment = event_files.hparams(found, "experiment").experiment
    assert [info.name.tag for info in experiment.metric_infos] == ["test/accuracy", "test/loss"]
    assert event_files.curve(found, "test/accuracy") == ([3], [0.875])
    assert event_files.hparams(found, "session_end_info").session_end_info.status == 1


def test_histograms_are_there(client, database, job, tmp_path):
    job_id, lease = job
    figures, counts = np.array([[0.0, 2.0, 3.0, 4.0, 6.0]]), np.array([[1.0, 2.0]])
    with held(database, lease) as connection:
        for step in (10, 20):
            histograms.append(connection, job_id=job_id, taken=Histograms(step, 1.0, ["weights/a"], figures, counts))
    found = download(client, job_id, tmp_path / "run").Histograms("weights/a")
    assert [event.step for event in found] == [10, 20]
    assert found[0].histogram_value.bucket == [1.0, 2.0]
    assert found[0].histogram_value.bucket_limit == [1.0, 2.0]


def test_a_newer_file_in_the_same_folder_takes_the_place_of_the_older_one(client, database, job, tmp_path):
    job_id, lease = job
    download(client, job_id, tmp_path / "run")
    older = next((tmp_path / "run").iterdir())
    older.rename(older.with_name(older.name.replace("tfevents.", "tfevents.0")))
    with held(database, lease) as connection:
        metrics.cut(connection, job_id=job_id, step=1)
        metrics.append(connection, job_id=job_id, series={"train/loss": points([2], [1.7e9], [0.25])})
    found = download(client, job_id, tmp_path / "run")
    assert event_files.curve(found, "train/loss") == ([1, 2], [0.5, 0.25])


def test_a_job_that_has_measured_nothing_has_a_file_with_its_choices(client, tmp_path):
    found = download(client, submit(client)["id"], tmp_path / "run")
    assert found.Tags()["scalars"] == []
    assert event_files.choices(found)["training.epochs"] == 1


def test_another_projects_job_is_not_found(client, connect, job):
    problem(connect("admin", project="other").get(f"/v1/jobs/{job[0]}/tensorboard"), 404, "not_found")
    problem(client.get("/v1/jobs/job_none/tensorboard"), 404, "not_found")
