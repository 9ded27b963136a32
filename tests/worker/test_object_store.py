"""A worker whose artifacts are on an object store: what it fetches, what it carries, and what it does without."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import obstore
import pytest

from models import checkpoints, datasets, jobs, orphans
from models.artifacts import open_store
from models.artifacts.objects import ObjectStore
from models.checkpoints import Checkpoint
from models.database import Database
from models.leases import Lease
from models.status import Status
from tests.fixtures.object_store import REFUSAL, Answer, Bucket
from tests.fixtures.waiting import wait_for
from tests.worker.running import job_spec, running_spares
from tests.worker.tracking import wandb_files
from tests.worker.tracking.stored import is_fed
from tests.worker.yard import PROJECT, Yard, open_yard
from worker.provisions import PREDICTING
from worker.spares import Spares
from worker.tracking.feeder import Feeder, Patience
from worker.tracking.offline import keeper
from worker.training import checkpoint

CONTENT = b"a,b\n1,2\n"


@pytest.fixture(scope="module")
def spares() -> Iterator[Spares]:
    with running_spares(num_slots=2) as started:
        yield started


OpenYard = Callable[..., Yard]


@pytest.fixture
def machine(sqlite_database: Database, tmp_path: Path, spares: Spares, bucket: Bucket) -> Iterator[OpenYard]:
    """Opens a worker on a machine of its own: `machine("first", offline_seconds=1)`."""
    with ExitStack() as stack:

        def opened(name: str = "first", **settings: Any) -> Yard:
            folder = tmp_path / name
            store = bucket.open(folder / "cache", owner="worker")
            return stack.enter_context(open_yard(sqlite_database, folder, spares, store=store, **settings))

        yield opened


def kept(yard: Yard, job_id: str) -> list[Checkpoint]:
    with yard.database.reading() as connection:
        return checkpoints.listing(connection, job_id=job_id)


def stored(yard: Yard) -> list[str]:
    assert isinstance(yard.store, ObjectStore)
    return sorted(key for key, _ in yard.store.walk("jobs"))


def pause_and_resume(yard: Yard, job_id: str) -> None:
    """Train a while, save, and go back to the queue."""
    yard.ring()
    yard.wait(job_id, Status.RUNNING, phase="training")
    yard.control("pause", job_id)
    yard.wait(job_id, Status.PAUSED)
    yard.join()
    yard.control("resume", job_id)


def test_the_files_that_predict_are_those_that_training_says():
    assert checkpoint.PREDICTING == PREDICTING


def test_a_job_leaves_its_checkpoint_in_the_store_and_nothing_in_its_workspace(machine: OpenYard):
    yard = machine()
    job = yard.train("plain")
    assert (job.status, job.reason) == (Status.SUCCEEDED, None)
    (found,) = kept(yard, job.id)
    assert found.location == f"jobs/{job.id}/1/20-{found.manifest_sha256[:16]}"
    assert stored(yard) == sorted(f"{found.location}/{file['name']}" for file in found.files)
    assert not list((yard.folder / "cache" / "work").rglob("*.safetensors"))
    assert "fetching" in yard.phases(job.id)
    entry = yard.folder / "cache" / "entries" / f"checkpoint-{found.manifest_sha256}" / "20"
    assert (entry / "weights.safetensors").exists(), "kept for whoever predicts here"


def test_another_machine_goes_on_from_the_last_checkpoint_that_is_whole(machine: OpenYard):
    first = machine("first")
    job_id = first.submit("endless")
    for _ in range(2):
        pause_and_resume(first, job_id)
    latest, previous = kept(first, job_id)
    assert isinstance(first.store, ObjectStore)
    first.store.delete(f"{latest.location}/weights.safetensors")
    second = machine("second")
    second.ring()
    second.wait(job_id, Status.RUNNING, phase="training")
    second.control("stop", job_id)
    job = second.wait(job_id, Status.SUCCEEDED)
    assert [attempt.resumed_from_step for attempt in job.attempts] == [None, previous.step, previous.step]
    assert second.events(job_id).count("job.checkpoint_damaged") == 1
    assert latest.id not in [found.id for found in kept(second, job_id)]


def test_a_store_that_is_away_while_a_checkpoint_is_saved_is_waited_for(machine: OpenYard, bucket: Bucket):
    yard = machine()
    job_id = yard.submit("endless")
    yard.ring()
    yard.wait(job_id, Status.RUNNING, phase="training")
    with bucket.front.failing(403, REFUSAL):
        yard.control("pause", job_id)
        wait_for(lambda: "job.warning" in yard.events(job_id), "the worker to say so", timeout_seconds=60)
        assert yard.job(job_id).status is Status.PAUSING
    yard.wait(job_id, Status.PAUSED)
    assert len(kept(yard, job_id)) == 1
    assert yard.events(job_id).count("job.warning") == 1


@pytest.mark.parametrize(
    ("status", "body", "code"), [(503, "", "storage_away"), (507, "", "storage_full"), (403, REFUSAL, "storage_fault")]
)
def test_a_model_that_cannot_be_stored_is_no_success(
    machine: OpenYard, bucket: Bucket, status: int, body: str, code: str
):
    yard = machine(offline_seconds=0.5)
    with bucket.front.failing(status, body, methods="PUT"):
        job = yard.train("plain")
    assert job.reason is not None
    assert (job.status, job.reason["code"], job.reason["fault"]) == (Status.QUEUED, code, "infrastructure")
    assert kept(yard, job.id) == []
    assert not list((yard.folder / "cache" / "work").rglob("*.safetensors"))


def of_dataset(yard: Yard, **sections: object) -> str:
    """Queue a job on a dataset whose content is in the store; its id."""
    source = yard.folder / "content.csv"
    source.write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert yard.store is not None
    yard.store.put(source, f"datasets/{digest}")
    with yard.database.unit_of_work() as connection:
        declared = datasets.declare(
            connection, project=PROJECT, name="a", format="csv", options={}, num_bytes=len(CONTENT), sha256=digest
        )
        datasets.complete(connection, dataset_id=declared.id, sha256=digest, location=f"datasets/{digest}")
        spec = job_spec("plain", **{"data": {"dataset": declared.id}, **sections})
        return jobs.submit(connection, project=PROJECT, sent=spec, resolved=spec).id


def test_a_dataset_is_fetched_once_for_all_jobs(machine: OpenYard, bucket: Bucket):
    yard = machine()
    for _ in range(2):
        job_id = of_dataset(yard)
        yard.ring()
        yard.join()
        assert yard.job(job_id).status is Status.SUCCEEDED
    fetched = [path for method, path in bucket.front.requests if method == "GET" and "/datasets/" in path]
    assert len(fetched) == 1


def test_content_that_is_damaged_in_the_store_is_no_mistake_of_the_user(machine: OpenYard, bucket: Bucket):
    yard = machine()
    job_id = of_dataset(yard)
    bucket.front.damage = lambda path, body: body.replace(b"1", b"3") if "/datasets/" in path else body
    yard.ring()
    yard.join()
    reason = yard.job(job_id).reason
    assert reason is not None
    assert (reason["code"], reason["fault"]) == ("storage_fault", "infrastructure")


@pytest.mark.parametrize(("order", "status"), [("cancel", Status.CANCELLED), ("pause", Status.PAUSED)])
def test_an_order_need_not_wait_for_a_store_that_is_away(machine: OpenYard, bucket: Bucket, order: str, status: Status):
    yard = machine()
    job_id = of_dataset(yard)
    with bucket.front.faulty(lambda _, path: Answer(403, REFUSAL) if "/datasets/" in path else None):
        yard.ring()
        yard.wait(job_id, Status.RUNNING, phase="fetching")
        yard.control(order, job_id)
        yard.wait(job_id, status)


def test_a_drain_need_not_wait_for_it_either(machine: OpenYard, bucket: Bucket):
    yard = machine()
    job_id = of_dataset(yard)
    with bucket.front.faulty(lambda _, path: Answer(403, REFUSAL) if "/datasets/" in path else None):
        yard.ring()
        yard.wait(job_id, Status.RUNNING, phase="fetching")
        yard.slots.drain()
        job = yard.wait(job_id, Status.QUEUED)
    assert job.reason is None
    assert [attempt.outcome for attempt in job.attempts] == ["drained"]


def test_a_sweep_leaves_what_rows_name_and_takes_the_rest(machine: OpenYard, tmp_path: Path):
    yard = machine()
    job = yard.train("plain")
    before = stored(yard)
    source = tmp_path / "stray"
    source.write_bytes(b"stray")
    assert yard.store is not None
    yard.store.put(source, f"jobs/{job.id}/1/7-0123456789abcdef/weights.safetensors")
    yard.store.put(source, "datasets/" + "0" * 64)
    assert orphans.sweep(yard.database, yard.store).deleted == [], "they are young"
    swept = orphans.sweep(yard.database, yard.store, min_age_seconds=-60)
    assert swept.deleted == [f"jobs/{job.id}/1/7-0123456789abcdef", "datasets/" + "0" * 64]
    assert swept.damaged == []
    assert stored(yard) == before
    yard.store.delete(kept(yard, job.id)[0].location)
    yard.store.put(source, "jobs/other/1/7-0/manifest.json")
    assert len(orphans.sweep(yard.database, yard.store).damaged) == 1


def test_an_offline_run_is_carried_once_the_job_is_over(machine: OpenYard, tmp_path: Path):
    yard = machine(patience=Patience(poll=0.05, first_retry=0.05, linger=60))
    assert isinstance(yard.store, ObjectStore)
    job_id = yard.submit("plain", tracking={"wandb": {"project": "flowers", "mode": "offline"}})
    earlier = tmp_path / "of an earlier attempt"
    earlier.write_bytes(b"half")
    yard.store.put(earlier, f"jobs/{job_id}/wandb/wandb/offline-run-1-{job_id}/run-{job_id}.wandb")
    yard.ring()
    yard.wait(job_id, Status.SUCCEEDED)
    wait_for(lambda: is_fed(yard), "the run to be carried", timeout_seconds=90)
    assert yard.job(job_id).warnings == []
    (key,) = (key for key in stored(yard) if key.endswith(".wandb"))
    carried = tmp_path / "carried.wandb"
    carried.write_bytes(bytes(obstore.get(yard.store._store, key).bytes()))
    assert (wandb_files.run_of(carried).run_id, wandb_files.exit_code_of(carried)) == (job_id, 0)
    assert not list(yard.store.workspace(f"jobs/{job_id}").glob("wandb/**/*.wandb"))


def test_a_run_that_cannot_be_carried_is_tried_again_and_then_told_of(
    sqlite_database: Database, tmp_path: Path, bucket: Bucket
):
    told: list[tuple[str, str]] = []
    store = bucket.open(tmp_path / "cache", owner="worker")
    path = store.workspace("jobs/job_1/wandb") / "wandb/offline-run-1-x/files/config.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    keep = keeper(store, "jobs/job_1/wandb", settings={"mode": "offline"})
    patience = Patience(first_retry=0.01, linger=0.5)
    feeder = Feeder(
        "wandb",
        {},
        database=sqlite_database,
        lease=Lease("job_1", 1, "token"),
        warn=lambda code, message: told.append((code, message)),
        folder=tmp_path,
        keep=keep,
        patience=patience,
    )
    feeder.end()
    feeder._is_whole = True
    with bucket.front.failing(403, REFUSAL):
        feeder._store()
    assert [code for code, _ in told] == ["tracking_gap"]
    assert path.exists()
    feeder._store()
    assert [key for key, _ in store.walk("jobs")] == ["jobs/job_1/wandb/wandb/offline-run-1-x/files/config.yaml"]
    assert not path.exists()


def test_only_offline_runs_on_an_object_store_are_carried(bucket: Bucket, tmp_path: Path):
    store = bucket.open(tmp_path)
    assert keeper(store, "jobs/job_1/wandb", settings={"mode": "online"}) is None
    assert (
        keeper(open_store(str(tmp_path / "shared"), folder=tmp_path, owner="tests"), "k", settings={"mode": "offline"})
        is None
    )
