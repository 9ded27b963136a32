"""When a checkpoint is due."""

import pytest

from worker.training.checkpoint import Due


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_auto_saves_at_an_end_of_an_epoch_once_ten_seconds_have_passed(clock):
    due = Due("auto", clock=clock)
    clock.now += 9
    assert not due.after_epoch(step=5, epoch=1)
    clock.now += 2
    assert due.after_epoch(step=6, epoch=2)
    due.saved(step=6, epoch=2)
    assert not due.after_epoch(step=7, epoch=3)


def test_auto_saves_within_an_epoch_after_a_minute(clock):
    due = Due("auto", clock=clock)
    clock.now += 59
    assert not due.after_step(1000)
    clock.now += 1
    assert due.after_step(1001)


def test_every_so_many_epochs(clock):
    due = Due("2 epochs", clock=clock)
    clock.now += 1e6
    assert not due.after_step(10**6)
    assert [due.after_epoch(step=epoch, epoch=epoch) for epoch in (1, 2)] == [False, True]
    due.saved(step=2, epoch=2)
    assert [due.after_epoch(step=epoch, epoch=epoch) for epoch in (3, 4)] == [False, True]


def test_every_so_many_steps(clock):
    due = Due("500 steps", clock=clock)
    assert [due.after_step(step) for step in (499, 500)] == [False, True]
    due.saved(step=500, epoch=0)
    assert not due.after_epoch(step=999, epoch=1)
    assert due.after_epoch(step=1000, epoch=1)


def test_every_so_many_seconds(clock):
    due = Due("60 s", clock=clock)
    clock.now += 59
    assert not due.after_step(1)
    assert not due.after_epoch(step=1, epoch=1)
    clock.now += 1
    assert due.after_step(1)
    assert due.after_epoch(step=1, epoch=1)


def test_a_resumed_run_counts_from_its_checkpoint(clock):
    due = Due("100 steps", clock=clock)
    due.saved(step=70, epoch=3)
    assert [due.after_step(step) for step in (100, 169, 170)] == [False, False, True]
