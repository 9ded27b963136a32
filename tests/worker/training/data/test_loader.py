"""Batches decoded ahead: in order, within bounds, with errors where they belong, and no thread left."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch

from models.formats.decoding import Shape
from worker.training.data.loader import BATCHES_AHEAD, PIECE, Loader

CPU = torch.device("cpu")
ONE = Shape(1, 1, 1)


def numbered(numbers, into):
    into[:, 0, 0, 0] = numbers % 256


def loader(cuts, *, decode=numbered, num_threads=3):
    return Loader(decode, (np.array(cut) for cut in cuts), shape=ONE, num_threads=num_threads, device=CPU)


def eventually(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("decoder")]


def test_batches_come_in_the_order_of_the_cuts_whichever_is_decoded_first():
    def slow_at_first(numbers, into):
        time.sleep(0.05 if numbers[0] < 40 else 0)
        numbered(numbers, into)

    cuts = [range(40), range(40, 45), range(45, 46), range(46, 146)]
    with loader(cuts, decode=slow_at_first) as batches:
        taken = [batch[:, 0, 0, 0].tolist() for batch in batches]
    assert taken == [list(cut) for cut in cuts]


def test_all_threads_share_one_batch():
    seen, meeting = set(), threading.Barrier(3)

    def decode(numbers, into):
        if threading.get_ident() not in seen:
            seen.add(threading.get_ident())
            meeting.wait(20)  # passes only where three threads are at the same batch
        numbered(numbers, into)

    with loader([range(100)], decode=decode) as batches:
        assert next(batches)[:, 0, 0, 0].tolist() == list(range(100))
    assert len(seen) == 3


def test_only_a_few_batches_are_decoded_ahead_of_one_who_is_slow():
    begun = []

    def cuts():
        for number in range(1000):
            begun.append(number)
            yield range(64)

    with loader(cuts()) as batches:
        for taken in range(1, 6):
            next(batches)
            eventually(lambda taken=taken: len(begun) == taken + BATCHES_AHEAD)
        time.sleep(0.05)
        assert len(begun) == 5 + BATCHES_AHEAD


def test_small_batches_are_decoded_further_ahead_so_that_no_thread_waits():
    begun = []

    def cuts():
        for number in range(1000):
            begun.append(number)
            yield [number]

    with loader(cuts()) as batches:
        next(batches)
        eventually(lambda: len(begun) == 1 + 2 * PIECE * 3)


def test_an_error_is_raised_by_the_batch_that_it_belongs_to():
    def decode(numbers, into):
        if 25 in numbers:
            raise ValueError("25 is broken")
        numbered(numbers, into)

    with loader([range(10), range(10, 20), range(20, 60), range(60, 70)], decode=decode) as batches:
        assert len(next(batches)) == 10
        assert len(next(batches)) == 10
        with pytest.raises(ValueError, match="25 is broken"):
            next(batches)


def test_an_error_of_the_cuts_themselves_reaches_whoever_waits():
    def cuts():
        yield range(5)
        raise LookupError("no more order")

    with loader(cuts()) as batches:
        assert len(next(batches)) == 5
        with pytest.raises(LookupError, match="no more order"):
            next(batches)


def test_no_cuts_are_no_batches():
    with loader([]) as batches:
        assert list(batches) == []


def test_threads_end_when_the_reader_leaves_early_and_when_it_fails():
    with loader([range(50)] * 100) as batches:
        next(batches)
    with pytest.raises(RuntimeError), loader([range(50)] * 100) as batches:
        next(batches)
        raise RuntimeError
