"""A worker answers questions by a process of its own, whatever becomes of that process."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from models import predictions as questions
from models.artifacts import LocalStore
from models.settings import Settings
from tests.fixtures.waiting import wait_for
from tests.worker.asking import answer_to, ask, store_network
from tests.worker.running import is_alive, running_spares
from tests.worker.yard import AwayDatabase
from worker import lookout, predictions
from worker.predictions import Predictions
from worker.spares import COMMAND, Spares

ROW = {"x0": 1.0, "x1": 2, "x2": 0, "x3": 1, "colour": "red"}
NUDGE = questions.nudge("default")


@pytest.fixture(scope="module")
def template() -> Iterator[Spares]:
    """The real template, from which real predictors are forked."""
    with running_spares(command=COMMAND) as started:
        yield started


@contextmanager
def serving(database: AwayDatabase, store: LocalStore, spares: Spares) -> Iterator[Predictions]:
    """A thread that answers, gone afterwards with its process."""
    settings = Settings(data_dir=Path(str(database.url.database)).parent)
    running = Predictions(settings, database=database, store=store, spares=spares, worker_id="wrk_1")
    running.start()
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "artifacts")


@pytest.fixture
def job_id(sqlite_database: AwayDatabase, store: LocalStore) -> str:
    return store_network(sqlite_database, store)


def pid_of(running: Predictions) -> int:
    """The predictor that is there, once its fork has been told of."""
    return wait_for(lambda: running._asked and running._asked.process.pid, "a predictor")


def test_a_question_is_answered_without_a_nudge(sqlite_database, store, template, job_id):
    with serving(sqlite_database, store, template):
        answer = answer_to(sqlite_database, ask(sqlite_database, job_id, ROW, {"colour": "violet"}))
    assert [set(row["probabilities"]) for row in answer["predictions"]] == [{"a", "b", "c"}] * 2
    assert answer["missing"] == {"x0": 1, "x1": 1, "x2": 1, "x3": 1}
    assert answer["unseen"] == {"colour": 1}


def test_a_nudge_for_this_pool_wakes_it(sqlite_database, store, template, job_id, monkeypatch):
    monkeypatch.setattr(lookout, "LOOK_SECONDS", 3600.0)
    with serving(sqlite_database, store, template) as running:
        answer_to(sqlite_database, ask_and_nudge(sqlite_database, job_id, running))
        answer_to(sqlite_database, ask_and_nudge(sqlite_database, job_id, running))


def ask_and_nudge(database: AwayDatabase, job_id: str, running: Predictions) -> str:
    asked = ask(database, job_id, ROW)
    running.nudge(NUDGE)
    return asked


def test_mistakes_in_rows_are_told_with_their_place(sqlite_database, store, template, job_id):
    with serving(sqlite_database, store, template):
        answer = answer_to(sqlite_database, ask(sqlite_database, job_id, ROW, {**ROW, "x1": "many"}))
    assert (answer["problem"]["status"], answer["problem"]["code"]) == (422, "invalid_rows")
    assert answer["problem"]["errors"] == [{"pointer": "#/rows/1/x1", "detail": "'many' is no number"}]


def test_the_predictor_is_another_process_that_lets_others_go_first(sqlite_database, store, template, job_id):
    with serving(sqlite_database, store, template) as running:
        answer_to(sqlite_database, ask(sqlite_database, job_id, ROW))
        pid = pid_of(running)
        assert pid != os.getpid()
        assert psutil.Process(pid).nice() > psutil.Process().nice()
        assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) == 1000
    wait_for(lambda: not is_alive(pid), "the predictor to go with its worker")


def test_the_process_stays_and_keeps_its_network(sqlite_database, store, template, job_id):
    with serving(sqlite_database, store, template) as running:
        first = answer_to(sqlite_database, ask(sqlite_database, job_id, ROW))
        pid = pid_of(running)
        for file in store.path(f"jobs/{job_id}").rglob("*.safetensors"):
            file.unlink()
        assert answer_to(sqlite_database, ask(sqlite_database, job_id, ROW)) == first
        assert pid_of(running) == pid


def test_a_predictor_killed_while_it_computes_answers_503_and_the_next_question_is_answered(
    sqlite_database, store, template, job_id
):
    with serving(sqlite_database, store, template) as running:
        answer_to(sqlite_database, ask(sqlite_database, job_id, ROW))
        pid = pid_of(running)
        os.kill(pid, signal.SIGSTOP)  # it has its question in hand, and will never answer
        first, second = ask(sqlite_database, job_id, ROW), ask(sqlite_database, job_id, ROW)
        running.nudge(NUDGE)
        wait_for(lambda: not is_waiting(sqlite_database), "the questions to be claimed")
        os.kill(pid, signal.SIGKILL)
        problem = answer_to(sqlite_database, first)["problem"]
        assert "predictions" in answer_to(sqlite_database, second)
        assert pid_of(running) != pid
    assert (problem["status"], problem["code"], problem["headers"]) == (503, "predictor_crashed", {"Retry-After": "1"})


def test_a_predictor_that_hangs_is_killed_behind_the_deadline(sqlite_database, store, template, job_id, monkeypatch):
    monkeypatch.setattr(predictions, "_GRACE_SECONDS", 0.1)
    with serving(sqlite_database, store, template) as running:
        answer_to(sqlite_database, ask(sqlite_database, job_id, ROW))
        pid = pid_of(running)
        os.kill(pid, signal.SIGSTOP)
        asked = ask(sqlite_database, job_id, ROW, seconds=1.0)
        running.nudge(NUDGE)
        problem = answer_to(sqlite_database, asked)["problem"]
        assert (problem["status"], problem["code"]) == (504, "prediction_timeout")
        wait_for(lambda: not is_alive(pid), "the hanging predictor to be killed")
        assert "predictions" in answer_to(sqlite_database, ask(sqlite_database, job_id, ROW))


def test_a_predictor_that_died_while_idle_costs_nobody_an_answer(sqlite_database, store, template, job_id):
    with serving(sqlite_database, store, template) as running:
        answer_to(sqlite_database, ask(sqlite_database, job_id, ROW))
        os.kill(pid_of(running), signal.SIGKILL)
        wait_for(lambda: not running._asked.process.is_open(), "the predictor to be gone")
        assert "predictions" in answer_to(sqlite_database, ask(sqlite_database, job_id, ROW))


def test_a_damaged_checkpoint_is_told_and_others_are_still_answered(sqlite_database, store, template, job_id):
    other = store_network(sqlite_database, store, family="prices")
    next(store.path(f"jobs/{other}").rglob("weights.safetensors")).write_bytes(b"rotten")
    with serving(sqlite_database, store, template):
        problem = answer_to(sqlite_database, ask(sqlite_database, other, {"size": 1}))["problem"]
        assert "predictions" in answer_to(sqlite_database, ask(sqlite_database, job_id, ROW))
    assert (problem["status"], problem["code"]) == (409, "checkpoint_refused")


def test_many_questions_are_each_answered_once_by_two_workers(sqlite_database, store, template, job_id):
    with serving(sqlite_database, store, template) as one, serving(sqlite_database, store, template) as two:
        asked = [ask(sqlite_database, job_id, {**ROW, "x0": number}) for number in range(30)]
        one.nudge(NUDGE)
        two.nudge(NUDGE)
        answers = [answer_to(sqlite_database, question) for question in asked]
    again = [answers[0]["predictions"][0]["probabilities"], answers[29]["predictions"][0]["probabilities"]]
    assert all(len(answer["predictions"]) == 1 for answer in answers)
    assert again[0] != again[1]


def test_an_answer_waits_for_a_database_that_is_away(sqlite_database, store, template, job_id):
    with serving(sqlite_database, store, template) as running:
        answer_to(sqlite_database, ask(sqlite_database, job_id, ROW))
        os.kill(pid := pid_of(running), signal.SIGSTOP)
        asked = ask_and_nudge(sqlite_database, job_id, running)
        wait_for(lambda: not is_waiting(sqlite_database), "the question to be claimed")
        sqlite_database.is_away = True
        os.kill(pid, signal.SIGCONT)
        refused = sqlite_database.num_refused
        wait_for(lambda: sqlite_database.num_refused > refused + 1, "the answer to be refused")
        sqlite_database.is_away = False
        assert "predictions" in answer_to(sqlite_database, asked)


def test_a_worker_that_stops_gives_a_question_back_instead_of_waiting_for_its_answer(
    sqlite_database, store, template, job_id, monkeypatch
):
    monkeypatch.setattr(predictions, "_STOP_SECONDS", 0.1)
    with serving(sqlite_database, store, template) as running:
        answer_to(sqlite_database, ask(sqlite_database, job_id, ROW))
        os.kill(pid_of(running), signal.SIGSTOP)
        asked = [ask_and_nudge(sqlite_database, job_id, running) for _ in range(2)]
        wait_for(lambda: not is_waiting(sqlite_database), "the questions to be claimed")
    assert is_waiting(sqlite_database)
    with serving(sqlite_database, store, template):
        assert all("predictions" in answer_to(sqlite_database, question) for question in asked)


def test_without_a_template_questions_wait_and_a_closing_worker_gives_them_back(sqlite_database, store, job_id):
    cold = Spares([{}], command=("false",))
    with serving(sqlite_database, store, cold):
        asked = ask(sqlite_database, job_id, ROW)
        threading.Event().wait(0.5)
        assert is_waiting(sqlite_database)
    with sqlite_database.reading() as connection:
        assert questions.answer_to(connection, question_id=asked) is None


def is_waiting(database: AwayDatabase) -> bool:
    with database.reading() as connection:
        return questions.is_waiting(connection, pool="default")
