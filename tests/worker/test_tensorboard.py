"""Jobs of a real worker as TensorBoard's own reader sees them, undisturbed and killed in between."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models import jobs, metrics, spec, tensorboard
from models.samples import sample
from models.status import Status
from tests.fixtures import event_files
from tests.fixtures.waiting import wait_for
from tests.worker.running import running_spares
from tests.worker.yard import PROJECT, Yard, open_yard
from worker.spares import COMMAND, Spares

SENT = {
    "data": {"dataset": "digits"},
    "network": {"type": "mlp", "hidden": [16]},
    "training": {"epochs": 12, "batch_size": 64},
    "checkpoints": {"every": "20 steps"},
    "early_stopping": None,
    "evaluation": {"baselines": False},
}


@pytest.fixture(scope="module")
def real_spares() -> Iterator[Spares]:
    with running_spares(command=COMMAND, num_slots=2) as started:
        yield started


@pytest.fixture
def yard(sqlite_database, tmp_path, real_spares):
    with open_yard(sqlite_database, tmp_path, real_spares) as opened:
        yield opened


def submit(yard: Yard) -> str:
    resolved = spec.document(spec.resolve(spec.parse(SENT), sample("digits").profile))
    with yard.database.unit_of_work() as connection:
        return jobs.submit(connection, project=PROJECT, sent=SENT, resolved=resolved).id


def read(yard: Yard, job_id: str, folder: Path):
    folder.mkdir()
    job = yard.job(job_id)
    content = b"".join(tensorboard.event_file(yard.database, job, time=1.0))
    (folder / tensorboard.file_name(job, time=1.0)).write_bytes(content)
    return event_files.read(folder)


def stored(yard: Yard, job_id: str) -> dict[str, tuple[list[int], list[float]]]:
    """Every series of the job, its values as single floats, which is what TensorBoard keeps."""
    found = {}
    with yard.database.reading() as connection:
        for summary in metrics.names(connection, job_id=job_id):
            points = metrics.series(connection, job_id=job_id, name=summary.name)
            found[summary.name] = (points.steps.tolist(), points.values.astype(np.float32).tolist())
    return found


def shown(accumulator) -> dict[str, tuple[list[int], list[float]]]:
    tags = [tag for tag in accumulator.Tags()["scalars"] if not tag.startswith("test/")]
    return {tag: event_files.curve(accumulator, tag) for tag in tags}


def histogram_steps(accumulator) -> dict[str, list[int]]:
    return {tag: [event.step for event in accumulator.Histograms(tag)] for tag in accumulator.Tags()["histograms"]}


def kill_behind_step(yard: Yard, job_id: str, step: int) -> None:
    """Kill the trainer once the metrics behind a step are stored, and let the job be tried again at once."""
    yard.ring()
    wait_for(lambda: (found := stored(yard, job_id)) and found["train/loss"][0][-1] > step, f"step {step}")
    if (supervisor := yard.slots._running.get(job_id)) is not None:
        supervisor._trainer.kill()
    yard.join()
    with yard.database.unit_of_work() as connection:
        connection.exec_driver_sql("update jobs set available_at = 0")


def test_an_event_file_shows_all_of_a_run(yard, tmp_path):
    job_id = submit(yard)
    yard.ring()
    yard.join()
    job, found = yard.job(job_id), read(yard, job_id, tmp_path / "run")
    assert job.status == Status.SUCCEEDED
    assert job.result is not None
    assert shown(found) == stored(yard, job_id)
    assert shown(found)["train/loss"][0] == list(range(1, job.result["steps"] + 1))
    for name, score in job.result["test"].items():
        assert event_files.curve(found, f"test/{name}") == ([job.result["steps"]], [np.float32(score)])
    per_epoch = job.result["steps"] // 12
    steps = histogram_steps(found)
    assert {name.partition("/")[0] for name in steps} == {"weights", "gradients"}
    assert all(taken == [per_epoch * epoch for epoch in range(1, 13)] for taken in steps.values())
    choices = event_files.choices(found)
    assert (choices["network.hidden"], choices["training.batch_size"]) == ("[16]", 64)
    assert event_files.hparams(found, "session_end_info").session_end_info.status == 1


def test_a_killed_job_shows_every_step_once_and_as_an_undisturbed_one(yard, tmp_path):
    undisturbed, killed = submit(yard), submit(yard)
    for step in (30, 90):
        kill_behind_step(yard, killed, step)
    for _ in range(2):
        yard.ring()
    yard.join()
    assert any(attempt.resumed_from_step for attempt in yard.job(killed).attempts)
    whole, resumed = read(yard, undisturbed, tmp_path / "whole"), read(yard, killed, tmp_path / "killed")
    assert shown(resumed) == stored(yard, killed)
    for name in ("train/loss", "train/learning_rate", "validation/accuracy"):
        assert shown(resumed)[name] == shown(whole)[name]
    assert histogram_steps(resumed) == histogram_steps(whole)
