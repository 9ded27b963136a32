"""Event files from the command line and the SDK, over a network that is cut, read back by TensorBoard."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.fixtures import event_files
from trainyard import NotFound
from trainyard.cli.session import ExitCode


def loss_steps(folder: Path) -> list[int]:
    return event_files.curve(event_files.read(folder), "train/loss")[0]


def test_each_job_has_a_folder_with_its_name(run, submit, claim, tmp_path):
    jobs = [submit(name="one / two"), submit()]
    for _ in jobs:
        claim().metric("train/loss", range(1, 11), [1.0] * 10)
    ran = run("tensorboard", *(job.id for job in jobs), "--to", tmp_path / "runs", "--json")
    paths = [Path(path) for path in ran.document]
    assert [path.parent.name for path in paths] == [f"one-two-{jobs[0].id[-8:]}", f"job-{jobs[1].id[-8:]}"]
    assert "tensorboard --logdir" in ran.err
    assert [loss_steps(path.parent) for path in paths] == [list(range(1, 11))] * 2
    assert run("tensorboard", jobs[0].id, "--to", tmp_path / "other").out.strip().endswith(jobs[0].id)


def test_following_ends_with_the_job_and_its_last_step(run, submit, claim, tmp_path):
    job, trainer = submit(), claim()
    trainer.metric("train/loss", [1, 2], [1.0, 0.5])

    def finish() -> None:
        trainer.metric("train/loss", [3], [0.25])
        trainer.succeed()

    later = threading.Timer(0.5, finish)
    later.start()
    ran = run("tensorboard", job.id, "--to", tmp_path, "-f")
    later.join()
    assert ran.code == ExitCode.SUCCESS
    assert loss_steps(Path(ran.out.strip()).parent) == [1, 2, 3]


def test_a_job_that_is_not_there_is_bad_input(run, tmp_path):
    assert run("tensorboard", "job_none", "--to", tmp_path).code == ExitCode.BAD_INPUT


def test_a_newer_file_takes_the_place_of_the_older_one(submit, claim, tmp_path):
    job, trainer = submit(), claim()
    trainer.metric("train/loss", [1], [1.0])
    older = job.tensorboard(tmp_path)
    older.rename(older.with_name(f"events.out.tfevents.1.{job.id}"))
    (tmp_path / "events.out.tfevents.1.other").write_bytes(b"")
    trainer.metric("train/loss", [2], [0.5])
    newer = job.tensorboard(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.out.tfevents.1.other", newer.name]
    assert loss_steps(tmp_path) == [1, 2]


def test_a_download_that_is_cut_begins_again(submit, claim, tmp_path, wired, cable):
    job, trainer = submit(), claim()
    trainer.metric("train/loss", range(1, 20_001), [1.0] * 20_000)
    handle = wired.jobs.get(job.id)
    cable.cut()
    cable.cut_after(300_000, of="answers")
    assert loss_steps(handle.tensorboard(tmp_path).parent) == list(range(1, 20_001))
    assert not list(tmp_path.glob(".*"))


def test_a_deleted_job_has_no_event_file(submit, tmp_path):
    job = submit()
    job.cancel()
    job.delete()
    with pytest.raises(NotFound):
        job.tensorboard(tmp_path)
    assert list(tmp_path.iterdir()) == []
