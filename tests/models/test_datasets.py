"""Datasets: declared, received in order, profiled, stored once by content."""

import pytest

from models import controls, datasets, jobs
from models.database import Database
from models.datasets import Dataset
from models.errors import Conflict, NotFound
from models.pages import PageRequest
from tests.models.steps import RESOLVED


def _declared(database: Database, *, num_bytes: int = 10) -> Dataset:
    with database.unit_of_work() as connection:
        return datasets.declare(
            connection,
            project="default",
            name="rows",
            format="csv",
            options={"header": True},
            num_bytes=num_bytes,
            sha256=None,
        )


def _ready(database: Database, *, location: str = "datasets/abc") -> Dataset:
    declared = _declared(database)
    with database.unit_of_work() as connection:
        datasets.complete(connection, dataset_id=declared.id, sha256="abc", location=location)
        return datasets.ready(connection, dataset_id=declared.id, profile={"rows": 3})


def test_a_declared_dataset_awaits_its_content(database: Database) -> None:
    document = _declared(database).document()
    assert (document["status"], document["received_bytes"], document["options"]) == (
        "awaiting_content",
        0,
        {"header": True},
    )


def test_parts_are_taken_only_in_order(database: Database) -> None:
    declared = _declared(database)
    with database.unit_of_work() as connection:
        datasets.received(connection, dataset_id=declared.id, offset=0, received_bytes=4)
    with pytest.raises(Conflict), database.unit_of_work() as connection:
        datasets.received(connection, dataset_id=declared.id, offset=0, received_bytes=4)
    with database.reading() as connection:
        assert datasets.get(connection, project="default", dataset_id=declared.id).received_bytes == 4


def test_content_becomes_ready_with_its_profile(database: Database) -> None:
    document = _ready(database).document()
    assert (document["status"], document["profile"], document["received_bytes"]) == ("ready", {"rows": 3}, 10)


def test_content_that_cannot_be_read_says_why(database: Database) -> None:
    declared = _declared(database)
    with database.unit_of_work() as connection:
        datasets.complete(connection, dataset_id=declared.id, sha256="abc", location="datasets/abc")
        unread = datasets.invalid(
            connection, dataset_id=declared.id, reason={"code": "invalid_data", "message": "row 3"}
        )
        assert unread.reason == {"code": "invalid_data", "message": "row 3"}
        with pytest.raises(Conflict):
            datasets.ready(connection, dataset_id=declared.id, profile={})


def test_interrupted_profiling_is_found_again(database: Database) -> None:
    declared = _declared(database)
    with database.unit_of_work() as connection:
        datasets.complete(connection, dataset_id=declared.id, sha256="abc", location="datasets/abc")
    with database.reading() as connection:
        assert [entry.id for entry in datasets.unprofiled(connection, older_than_seconds=-1.0)] == [declared.id]
        assert datasets.unprofiled(connection, older_than_seconds=60.0) == []


def test_equal_content_is_deleted_with_its_last_user(database: Database) -> None:
    first, second = _ready(database), _ready(database)
    with database.unit_of_work() as connection:
        assert datasets.remove(connection, project="default", dataset_id=first.id) is None
        assert datasets.remove(connection, project="default", dataset_id=second.id) == "datasets/abc"
        with pytest.raises(NotFound):
            datasets.get(connection, project="default", dataset_id=first.id)


def test_a_dataset_in_use_cannot_be_deleted_until_its_jobs_are_over(database: Database) -> None:
    dataset = _ready(database)
    with database.unit_of_work() as connection:
        job = jobs.submit(connection, project="default", sent={}, resolved=RESOLVED, dataset_ids=[dataset.id])
    with pytest.raises(Conflict, match=job.id), database.unit_of_work() as connection:
        datasets.remove(connection, project="default", dataset_id=dataset.id)
    with database.unit_of_work() as connection:
        controls.cancel(connection, project="default", job_id=job.id)
        assert datasets.remove(connection, project="default", dataset_id=dataset.id) == "datasets/abc"


def test_a_list_stays_within_the_project(database: Database) -> None:
    mine = _declared(database)
    with database.reading() as connection:
        found = datasets.listing(connection, project="default", page=PageRequest())
        assert [entry.id for entry in found] == [mine.id]
        assert datasets.listing(connection, project="other", page=PageRequest()) == []
        assert datasets.listing(connection, project="default", page=PageRequest(before=mine.id)) == []
