"""Histograms in the database: kept bit for bit, replaced, taken back on a resume, gone with the job."""

import numpy as np

from models import controls, histograms, jobs, leases
from models.database import Database
from models.histograms import Histograms, pack, unpack
from tests.models.steps import held, running, submit


def taken(step: int, *, tensors: int = 3) -> Histograms:
    random = np.random.default_rng(step)
    names = [f"weights/layer {place}" for place in range(tensors)]
    return Histograms(step, 1.7e9 + step, names, random.normal(size=(tensors, 5)), random.integers(0, 99, (tensors, 8)))


def steps(database: Database, job_id: str) -> list[int]:
    with database.reading() as connection:
        return [found.step for found in histograms.listing(connection, job_id=job_id)]


def test_packing_keeps_every_number():
    one = taken(5)
    other = unpack(pack(one))
    assert (other.step, other.time, list(other.names)) == (5, one.time, list(one.names))
    np.testing.assert_array_equal(other.figures, one.figures)
    np.testing.assert_array_equal(other.counts, one.counts)


def test_histograms_come_back_by_step_and_a_repeated_step_replaces(database: Database):
    lease = running(database)
    for step in (20, 10, 20):
        with held(database, lease) as connection:
            histograms.append(connection, job_id=lease.job_id, taken=taken(step))
    assert steps(database, lease.job_id) == [10, 20]


def test_a_resumed_job_takes_back_what_lies_behind_its_checkpoint(database: Database):
    lease = running(database)
    with held(database, lease) as connection:
        for step in (10, 20, 30):
            histograms.append(connection, job_id=lease.job_id, taken=taken(step))
        leases.resumed(connection, lease, step=20)
    assert steps(database, lease.job_id) == [10, 20]
    with held(database, lease) as connection:
        leases.restarted(connection, lease)
    assert steps(database, lease.job_id) == []


def test_histograms_go_with_their_job(database: Database):
    job = submit(database)
    with database.unit_of_work() as connection:
        histograms.append(connection, job_id=job.id, taken=taken(1))
        controls.cancel(connection, project="default", job_id=job.id)
        jobs.remove(connection, project="default", job_id=job.id)
    assert steps(database, job.id) == []
