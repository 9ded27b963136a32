"""What a trainer is told at its start."""

from dataclasses import replace

import pytest

from models import datasets
from models.artifacts import LocalStore
from models.checkpoints import Checkpoint, Saved, record
from models.errors import InvalidData
from models.leases import Claim, Lease
from tests.models.steps import running
from tests.worker.running import job_spec
from worker.assignment import keep_last, locate, locate_beginning, max_runtime_seconds, start_frame

PROJECT = "default"


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path)


def claim(dataset: str = "iris", *, resume: tuple[Checkpoint, ...] = (), **sections) -> Claim:
    spec = job_spec("a", **{"data": {"dataset": dataset}, **sections})
    sent = {"data": {"dataset": dataset}}
    return Claim(lease=Lease("job_1", 2, "token"), project=PROJECT, sent=sent, spec=spec, resume=list(resume))


def test_a_sample_is_named(sqlite_database, store):
    with sqlite_database.reading() as connection:
        assert locate(connection, claim("iris"), store=store) == {"sample": "iris"}


def test_a_dataset_is_a_path_a_format_and_options(sqlite_database, store):
    with sqlite_database.unit_of_work() as connection:
        declared = datasets.declare(
            connection,
            project=PROJECT,
            name="a",
            format="csv",
            options={"delimiter": ";"},
            num_bytes=3,
            sha256=None,
        )
        with pytest.raises(InvalidData, match="no content"):
            locate(connection, claim(declared.id), store=store)
        datasets.complete(connection, dataset_id=declared.id, sha256="ab", location="datasets/ab")
        assert locate(connection, claim(declared.id), store=store) == {
            "path": str(store.path("datasets/ab")),
            "format": "csv",
            "options": {"delimiter": ";"},
        }


def test_a_dataset_that_is_gone_is_invalid_data_with_its_name(sqlite_database, store):
    name = "ds_00000000-0000-7000-8000-000000000000"
    with sqlite_database.reading() as connection, pytest.raises(InvalidData, match=name):
        locate(connection, claim(name), store=store)


def test_the_start_frame_names_folder_threads_and_what_to_go_on_from(store):
    before = Checkpoint(
        id="ckpt_1",
        job_id="job_1",
        attempt=1,
        step=7,
        epoch=1,
        kinds=["latest"],
        metrics={},
        files=[],
        bytes=0,
        location="jobs/job_1/1/7",
        manifest_sha256="",
        created_at=0.0,
    )
    frame = start_frame(claim(resume=(before,)), {"sample": "iris"}, store=store, num_threads=3)
    assert frame.kind == "start"
    assert frame.fields["directory"] == str(store.path("jobs/job_1/2"))
    assert frame.fields["resume"] == [{"attempt": 1, "step": 7, "path": str(store.path("jobs/job_1/1/7"))}]
    assert (frame.fields["num_threads"], frame.fields["device"]) == (3, "auto")
    assert frame.fields["is_first_attempt"] is False


def test_a_job_begins_with_the_checkpoint_that_its_spec_names(sqlite_database, store):
    lease = running(sqlite_database)
    saved = Saved(
        step=7,
        epoch=1,
        is_best=True,
        is_final=False,
        metrics={},
        files=[],
        location="jobs/job_1/1/7",
        manifest_sha256="",
    )
    with sqlite_database.unit_of_work() as connection:
        identifier, _ = record(connection, job_id=lease.job_id, attempt=1, saved=saved)
    wanted = claim(init_from={"job": lease.job_id, "checkpoint": identifier})
    with sqlite_database.reading() as connection:
        begin = locate_beginning(connection, wanted)
        assert begin is not None
        assert begin.location == "jobs/job_1/1/7"
        assert locate_beginning(connection, claim()) is None
        gone = claim(init_from={"job": lease.job_id, "checkpoint": "ckpt_00000000-0000-7000-8000-000000000000"})
        with pytest.raises(InvalidData, match="ckpt_00000000-0000-7000-8000-000000000000"):
            locate_beginning(connection, gone)
    frame = start_frame(wanted, {"sample": "iris"}, store=store, num_threads=1, begin=begin)
    assert frame.fields["begin"] == str(store.path("jobs/job_1/1/7"))


def test_limits_come_from_the_spec():
    assert max_runtime_seconds(claim()) is None
    assert max_runtime_seconds(claim(max_runtime="2 min")) == 120
    assert keep_last(claim()) == 2
    assert keep_last(claim(checkpoints={"keep_last": 5})) == 5


def test_what_an_earlier_attempt_settled_for_its_device_does_not_bind_the_next_one(store):
    settled = claim(resources={"device": "cuda", "pool": "default"}, training={"precision": "bf16", "epochs": 3})
    frame = start_frame(settled, {"sample": "iris"}, store=store, num_threads=1)
    assert frame.fields["device"] == frame.fields["spec"]["resources"]["device"] == "auto"
    assert frame.fields["spec"]["training"]["precision"] == "auto"
    assert frame.fields["spec"]["training"]["epochs"] == 3


def test_what_was_asked_of_the_device_binds_every_attempt(store):
    asked = {"resources": {"device": "cuda"}, "training": {"precision": "fp32"}}
    fields = start_frame(replace(claim(**asked), sent=asked), {"sample": "iris"}, store=store, num_threads=1).fields
    assert fields["device"] == fields["spec"]["resources"]["device"] == "cuda"
    assert fields["spec"]["training"]["precision"] == "fp32"
