"""Random bytes by the page: as many as asked for, none twice, not even in a forked child."""

import os
from concurrent.futures import ThreadPoolExecutor

from models.entropy import random_bytes


def test_there_are_as_many_as_were_asked_for_and_none_is_given_twice() -> None:
    assert [len(random_bytes(number)) for number in (0, 1, 8, 16, 4096)] == [0, 1, 8, 16, 4096]
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: random_bytes(16), range(5000)))) == 5000


def test_a_child_does_not_repeat_its_parent() -> None:
    random_bytes(16)
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, random_bytes(16))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        theirs = told.read()
    os.wait()
    assert len(theirs) == 16
    assert theirs != random_bytes(16)
