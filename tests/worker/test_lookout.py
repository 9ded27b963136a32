"""The thread that looks for what waits: at a nudge, once in a while, and whatever went wrong before."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from models.errors import Unavailable
from tests.fixtures.waiting import wait_for
from worker import lookout
from worker.lookout import Lookout
from worker.spares import NoTemplate


@pytest.fixture(autouse=True)
def never_by_itself(monkeypatch):
    monkeypatch.setattr(lookout, "LOOK_SECONDS", 3600.0)


@contextmanager
def looking(work: Callable[[], bool]) -> Iterator[Lookout]:
    running = Lookout("tests", work, nudge="work in default")
    running.start()
    try:
        yield running
    finally:
        running.close()
        assert running.has_ended(within_seconds=30.0)


class Work:
    """Counts the looks; raises or answers what it is given, and then that nothing is left."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.num_looks = 0
        self._answers = list(answers)

    def __call__(self) -> bool:
        self.num_looks += 1
        answer = self._answers.pop(0) if self._answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_it_goes_on_until_nothing_is_left():
    work = Work(True, True, False, True)
    with looking(work):
        wait_for(lambda: work.num_looks == 3, "three looks")
    assert work.num_looks == 3


def test_its_own_nudge_wakes_it_and_no_other_word():
    work = Work()
    with looking(work) as running:
        wait_for(lambda: work.num_looks == 1, "the first look")
        for words in ("work in other", "work", ""):
            running.nudge(words)
            assert not running._bell.is_set()
        running.nudge("work in default")
        wait_for(lambda: work.num_looks == 2, "another look")


def test_without_a_nudge_it_looks_once_in_a_while(monkeypatch):
    monkeypatch.setattr(lookout, "LOOK_SECONDS", 0.01)
    work = Work()
    with looking(work):
        wait_for(lambda: work.num_looks > 3, "more looks")


@pytest.mark.parametrize("failure", [Unavailable("away"), RuntimeError("a defect")])
def test_what_goes_wrong_does_not_end_it(failure):
    work = Work(failure)
    with looking(work) as running:
        wait_for(lambda: work.num_looks == 1, "the look that fails")
        running.nudge("work in default")
        wait_for(lambda: work.num_looks == 2, "another look")


def test_while_the_template_warms_up_it_comes_again_by_itself():
    work = Work(NoTemplate(), NoTemplate(), True)
    with looking(work):
        wait_for(lambda: work.num_looks == 4, "the looks after the template is there")


def test_it_ends_when_what_it_does_has_ended():
    begun, may_end = threading.Event(), threading.Event()

    def work() -> bool:
        begun.set()
        return may_end.wait(60.0)

    with looking(work) as running:
        assert begun.wait(60.0)
        running.close()
        assert not running.has_ended(within_seconds=0.01)
        may_end.set()
        assert running.has_ended(within_seconds=60.0)


def test_one_that_was_never_started_has_ended():
    running = Lookout("tests", Work(), nudge="work in default")
    running.close()
    assert running.has_ended(within_seconds=0.0)
