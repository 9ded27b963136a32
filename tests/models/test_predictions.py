"""Questions to networks: asked, claimed by one worker, answered once, forgotten."""

import pytest
from sqlalchemy import select, update

from models import jobs, predictions, workers
from models.checkpoints import Checkpoint
from models.database import Database
from models.errors import NotFound, Unavailable
from models.predictions import Question
from models.tables import metadata
from models.tables import predictions as table
from tests.models.steps import submit

CHECKPOINT = Checkpoint(
    id="ckpt_x", job_id="", attempt=1, step=7, epoch=1, kinds=["best"], metrics={}, files=[], bytes=0,
    location="jobs/x/1/7", manifest_sha256="ab" * 32, created_at=0.0,
)  # fmt: skip


def add_worker(database: Database, pool: str = "default") -> None:
    with database.unit_of_work() as connection:
        workers.register(
            connection, worker_id=f"wrk_{pool}", node="n", name=pool, pool=pool, slots=1, devices=[], versions={}
        )


@pytest.fixture
def job_id(database: Database) -> str:
    add_worker(database)
    return submit(database).id


def ask(database: Database, job_id: str, text: str = "{}", *, seconds: float = 30.0) -> str:
    with database.unit_of_work() as connection:
        return predictions.ask(
            connection, job_id=job_id, pool="default", checkpoint=CHECKPOINT, text=text, timeout_seconds=seconds
        )


def claim(database: Database, *, pool: str = "default", limit: int = 8) -> list[Question]:
    with database.unit_of_work() as connection:
        return predictions.claim(connection, pool=pool, worker_id="wrk_1", limit=limit)


def is_waiting(database: Database) -> bool:
    with database.reading() as connection:
        return predictions.is_waiting(connection, pool="default")


def answer(database: Database, question_id: str, document: object) -> None:
    with database.unit_of_work() as connection:
        predictions.answer(connection, question_id=question_id, document=document)


def answer_to(database: Database, question_id: str) -> object:
    with database.reading() as connection:
        return predictions.answer_to(connection, question_id=question_id)


def test_a_question_is_claimed_by_one_worker_and_answered(database, job_id):
    asked = ask(database, job_id, '{"rows":[{"é":1}]}')
    assert is_waiting(database)
    (question,) = claim(database)
    assert (question.id, question.text) == (asked, '{"rows":[{"é":1}]}')
    assert (question.location, question.manifest_sha256) == (CHECKPOINT.location, CHECKPOINT.manifest_sha256)
    assert 0 < question.seconds_left <= 30
    assert not is_waiting(database)
    assert claim(database) == []
    assert answer_to(database, asked) is None
    answer(database, asked, {"rows": [{"value": float("nan")}]})
    answer(database, asked, {"rows": []})
    assert answer_to(database, asked) == {"rows": [{"value": "NaN"}]}


def test_what_was_asked_is_forgotten_with_the_answer(database, job_id):
    asked = ask(database, job_id, '{"secret":1}')
    answer(database, asked, {})
    with database.reading() as connection:
        assert connection.execute(select(table.c.question)).scalar_one() == ""


def test_the_oldest_questions_are_claimed_first(database, job_id):
    asked = [ask(database, job_id) for _ in range(4)]
    assert [question.id for question in claim(database, limit=3)] == asked[:3]
    assert [question.id for question in claim(database, limit=3)] == asked[3:]


def test_another_pool_has_questions_of_its_own(database, job_id):
    ask(database, job_id)
    assert claim(database, pool="other") == []


def test_a_claim_that_has_run_out_may_be_taken_by_another(database, job_id):
    asked = ask(database, job_id)
    claim(database)
    with database.unit_of_work() as connection:
        connection.execute(update(table).values(claimed_until=table.c.claimed_until - predictions.CLAIM_SECONDS - 1))
    assert is_waiting(database)
    assert [question.id for question in claim(database)] == [asked]


def test_a_released_question_may_be_claimed_at_once(database, job_id):
    asked = ask(database, job_id)
    claim(database)
    with database.unit_of_work() as connection:
        predictions.release(connection, question_ids=[asked])
    assert [question.id for question in claim(database)] == [asked]


def test_a_question_behind_its_deadline_is_claimed_by_nobody_and_forgotten_a_little_later(database, job_id):
    late, lost = ask(database, job_id, seconds=-1), ask(database, job_id, seconds=-predictions.KEPT_SECONDS - 1)
    kept = ask(database, job_id)
    assert [question.id for question in claim(database)] == [kept]
    with database.unit_of_work() as connection:
        assert predictions.expire(connection) == 1
    assert answer_to(database, late) is None
    with pytest.raises(NotFound):
        answer_to(database, lost)


def test_an_answer_changes_the_version(database, job_id):
    first, second = ask(database, job_id), ask(database, job_id)
    answer(database, first, {})
    with database.reading() as connection:
        versions = predictions.versions(connection, [first, second, "prd_gone"])
    assert versions == {first: (1, 0, 0), second: (0, 0, 0)}


def test_without_a_live_worker_in_the_pool_nothing_is_asked(database):
    job_id = submit(database).id
    add_worker(database, "other")
    with pytest.raises(Unavailable, match="No worker of the pool 'default'") as refused:
        ask(database, job_id)
    assert (refused.value.code, refused.value.headers) == ("no_worker", {"Retry-After": "5"})
    add_worker(database)
    ask(database, job_id)
    with database.unit_of_work() as connection:
        connection.execute(update(metadata.tables["workers"]).values(seen_at=1.0))
    with pytest.raises(Unavailable, match="No worker"):
        ask(database, job_id)


def test_what_waits_is_bounded_in_number_and_in_length(database, job_id, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(predictions, "MAX_WAITING", 2)
    first = ask(database, job_id, "x" * 10)
    ask(database, job_id, "x" * 10)
    with pytest.raises(Unavailable, match="2 predictions are waiting") as refused:
        ask(database, job_id)
    assert refused.value.code == "predictions_busy"
    answer(database, first, {})
    monkeypatch.setattr(predictions, "MAX_WAITING_CHARACTERS", 25)
    ask(database, job_id, "x" * 15)
    monkeypatch.setattr(predictions, "MAX_WAITING", 10)
    with pytest.raises(Unavailable):
        ask(database, job_id, "x")


def test_questions_go_with_their_job(database, job_id):
    asked = ask(database, job_id)
    with database.unit_of_work() as connection:
        connection.execute(jobs.jobs.delete().where(jobs.jobs.c.id == job_id))
    with pytest.raises(NotFound, match="deleted while it was asked"):
        answer_to(database, asked)
    answer(database, asked, {})


def test_two_workers_never_claim_the_same_question(database, job_id):
    asked = {ask(database, job_id) for _ in range(20)}
    other = Database(database.url.render_as_string(hide_password=False))
    with database.unit_of_work() as connection:
        first = predictions.claim(connection, pool="default", worker_id="wrk_1", limit=5)
        if not database.is_sqlite:  # which lets one writer in at a time
            second = claim(other, limit=5)
    second = claim(other, limit=20) if database.is_sqlite else second + claim(other, limit=20)
    other.close()
    ids = [question.id for question in first + second]
    assert set(ids) == asked
    assert len(ids) == len(asked)
