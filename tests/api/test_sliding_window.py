"""The counter behind the rate limits, against values computed by hand."""

import pytest

from api.sliding_window import SlidingWindow


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(600.0)


def window(clock: Clock, *, limit: int = 10) -> SlidingWindow:
    return SlidingWindow(limit=limit, seconds=60.0, clock=clock)


def test_as_many_are_let_through_as_may(clock: Clock):
    counter = window(clock, limit=3)
    assert [counter.hit("a") for _ in range(4)] == [True, True, True, False]
    assert counter.remaining("a") == 0
    assert counter.hit("b")
    assert counter.remaining("b") == 2


def test_the_minute_before_counts_by_what_is_left_of_it(clock: Clock):
    counter = window(clock)
    for _ in range(10):
        counter.hit("a")
    clock.now = 660.0 + 24.0  # 36 of 60 s of the window before: 10 * 36 / 60 = 6
    assert counter.remaining("a") == 4
    assert [counter.hit("a") for _ in range(5)] == [True, True, True, True, False]


def test_two_quiet_minutes_forget_everything(clock: Clock):
    counter = window(clock)
    for _ in range(10):
        counter.hit("a")
    clock.now = 600.0 + 120.0
    assert counter.remaining("a") == 10


@pytest.mark.parametrize("elapsed", [0.0, 12.5, 59.0, 61.0, 90.0])
def test_whoever_waits_as_long_as_is_said_gets_through_and_not_before(clock: Clock, elapsed: float):
    counter = window(clock, limit=5)
    while counter.hit("a"):
        pass
    clock.now += elapsed
    while counter.hit("a"):
        pass
    wait = counter.wait_seconds("a")
    assert wait > 0
    clock.now += wait - 0.01
    assert not counter.hit("a")
    clock.now += 0.02
    assert counter.hit("a")


def test_nobody_waits_who_may(clock: Clock):
    counter = window(clock)
    assert counter.wait_seconds("a") == 0.0
    assert counter.reset_seconds() == 60.0
