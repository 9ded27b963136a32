"""What is written in the background is waited for where it must be, and its failures are not lost."""

import os
import sys
import threading

import pytest

from worker.training.checkpoint.background import Abandoned, Background

PATIENCE_SECONDS = 60


def fail():
    raise OSError("no room")


def test_work_is_done_beside_the_thread_that_asks_for_it():
    background, go, done = Background(), threading.Event(), []
    background.begin(lambda: done.append(go.wait(PATIENCE_SECONDS)))
    assert done == []
    background.check()
    go.set()
    background.settle()
    assert done == [True]


def test_one_piece_of_work_waits_for_the_other():
    background, order = Background(), []
    for number in range(3):
        background.begin(lambda number=number: order.append(number))
    background.settle()
    assert order == [0, 1, 2]


def test_only_what_is_not_soon_waited_for_gives_way_to_training():
    background, niceness = Background(), []

    def note():
        niceness.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    note()
    for hurries in (True, False):
        background.begin(note, hurries=hurries)
        background.settle()
    mine, hurried, other = niceness
    assert hurried == mine
    if sys.platform == "linux":  # where a thread has a niceness of its own
        assert other == min(19, mine + 5)


@pytest.mark.parametrize("asks", [Background.settle, lambda background: background.begin(lambda: None)])
def test_a_failure_is_raised_once(asks):
    background = Background()
    background.begin(fail)
    with pytest.raises(OSError, match="no room"):
        asks(background)
    background.check()
    background.settle()


def test_a_failure_is_found_without_waiting():
    background = Background()
    background.begin(fail)
    background._thread.join()
    with pytest.raises(OSError, match="no room"):
        background.check()


def test_abandoned_work_ends_where_it_asks_whether_to_go_on():
    background, reached = Background(), []

    def work():
        while True:
            background.go_on()
            reached.append(1)

    background.begin(work)
    background.abandon()
    background.settle()
    with pytest.raises(Abandoned):
        background.go_on()
