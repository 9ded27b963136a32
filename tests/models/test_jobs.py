"""Jobs: submitted with event and doorbell in one transaction, read whole, listed by page and filter."""

import pytest

from models import doorbells, events, jobs
from models.database import Database
from models.errors import Conflict, NotFound
from models.job_filter import JobFilter
from models.pages import PageRequest
from models.status import Outcome, Status
from tests.models.steps import claim, end, job, running, submit


def _listed(database: Database, *, limit: int = 50, before: str | None = None, **where: object) -> list[str]:
    with database.reading() as connection:
        page = PageRequest(limit=limit, before=before)
        found = jobs.listing(connection, project="default", where=JobFilter(**where), page=page)
    return [entry.id for entry in found]


def test_a_submitted_job_is_queued_with_its_event_and_its_doorbell(database: Database) -> None:
    submitted = submit(database, name="income", labels={"team": "risk"}, priority=3)
    with database.reading() as connection:
        log = events.listing(connection, job_id=submitted.id)
        owed = doorbells.overdue(connection)
    document = job(database, submitted.id).document()
    assert (document["status"], document["phase"]) == ("queued", "waiting")
    assert (document["name"], document["labels"], document["priority"]) == ("income", {"team": "risk"}, 3)
    assert [(event.seq, event.type) for event in log] == [(1, "job.queued")]
    assert owed == {"default": 1}


def test_a_submission_that_fails_before_its_commit_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), database.unit_of_work() as connection:
        jobs.submit(connection, project="default", sent={}, resolved={"resources": {"pool": "default"}, "priority": 0})
        raise RuntimeError
    with database.reading() as connection:
        owed = doorbells.overdue(connection)
    assert _listed(database) == []
    assert owed == {}


def test_the_place_in_the_queue_counts_higher_priorities_and_older_jobs(database: Database) -> None:
    first, second = submit(database), submit(database)
    urgent = submit(database, priority=5)
    submit(database, resources={"pool": "other"})
    ahead = {entry.id: job(database, entry.id).queue for entry in (first, second, urgent)}
    assert [ahead[entry.id].ahead for entry in (urgent, first, second)] == [0, 1, 2]
    assert ahead[first.id].reason == "no_worker"


def test_a_job_of_another_project_is_not_there(database: Database) -> None:
    foreign = submit(database, project="other")
    with pytest.raises(NotFound):
        job(database, foreign.id)
    assert _listed(database) == []


def test_pages_go_from_new_to_old_and_repeat_nothing(database: Database) -> None:
    submitted = [submit(database).id for _ in range(5)]
    first = _listed(database, limit=2)
    second = _listed(database, limit=2, before=first[1])
    assert first == list(reversed(submitted))[:3]  # one more than asked for tells that there are more
    assert second == list(reversed(submitted))[2:5]


def test_every_filter_narrows_before_the_page_is_cut(database: Database) -> None:
    wanted = submit(database, name="a", labels={"team": "risk", "run": "1"}, resources={"pool": "gpu"})
    later = submit(database, name="b", labels={"team": "risk"})
    assert _listed(database, labels={"team": "risk", "run": "1"}) == [wanted.id]
    assert _listed(database, name="a") == [wanted.id]
    assert _listed(database, pool="gpu") == [wanted.id]
    assert _listed(database, created_after=wanted.created_at) == [later.id]
    assert _listed(database, created_before=later.created_at) == [wanted.id]
    assert _listed(database, status=(Status.RUNNING,)) == []
    assert len(_listed(database, status=(Status.QUEUED, Status.RUNNING))) == 2


def test_changing_labels_changes_what_the_filter_finds(database: Database) -> None:
    submitted = submit(database, labels={"team": "risk"})
    with database.unit_of_work() as connection:
        changed = jobs.update(
            connection, project="default", job_id=submitted.id, changes={"labels": {"team": "ads"}, "name": "new"}
        )
    assert (changed.labels, changed.name) == ({"team": "ads"}, "new")
    assert changed.revision == submitted.revision + 1
    assert _listed(database, labels={"team": "risk"}) == []
    assert _listed(database, labels={"team": "ads"}) == [submitted.id]


def test_a_higher_priority_set_later_is_claimed_first(database: Database) -> None:
    submit(database)
    later = submit(database)
    with database.unit_of_work() as connection:
        jobs.update(connection, project="default", job_id=later.id, changes={"priority": 9})
    claimed = claim(database)
    assert claimed is not None
    assert claimed.lease.job_id == later.id


def test_only_a_job_that_is_over_can_be_deleted(database: Database) -> None:
    lease = running(database)
    with pytest.raises(Conflict, match="running"), database.unit_of_work() as connection:
        jobs.remove(connection, project="default", job_id=lease.job_id)
    end(database, lease, Outcome.SUCCEEDED, result={}, digest="d")
    with database.unit_of_work() as connection:
        jobs.remove(connection, project="default", job_id=lease.job_id)
    with pytest.raises(NotFound):
        job(database, lease.job_id)
    with database.reading() as connection:
        assert events.listing(connection, job_id=lease.job_id) == []


def test_the_version_of_a_job_rises_with_everything_a_reader_could_see(database: Database) -> None:
    submitted = submit(database)
    seen = [_version(database, submitted.id)]
    claimed = claim(database)
    assert claimed is not None
    seen.append(_version(database, submitted.id))
    end(database, claimed.lease, Outcome.SUCCEEDED, result={}, digest="d")
    seen.append(_version(database, submitted.id))
    assert len(set(seen)) == 3


def _version(database: Database, job_id: str) -> tuple[int, int, int]:
    with database.reading() as connection:
        return jobs.versions(connection, [job_id])[job_id]
