"""Whatever happens to PostgreSQL: no job is lost, no live one is reaped, training goes on at its pace, and the API
answers or says that it cannot. Part of `test_whole_service`.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import httpx2
import psycopg
import pytest

from tests.fixtures import freezing
from tests.fixtures.results import Measured
from tests.reliability.pace import Window, assert_not_slowed, metronome, pace
from tests.reliability.rig import TINY, Rig

TERMINATE = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"


@contextmanager
def restarted(rig: Rig) -> Iterator[None]:
    rig.postgresql.stop()
    try:
        yield
    finally:
        rig.postgresql.start()


@contextmanager
def frozen(rig: Rig) -> Iterator[None]:
    with freezing.frozen(rig.postgresql.process.pid):
        yield


@contextmanager
def backends_terminated(rig: Rig) -> Iterator[None]:
    is_over = threading.Event()

    def terminate() -> None:
        with psycopg.connect(rig.postgresql.url, autocommit=True) as connection:
            while not is_over.wait(0.5):
                connection.execute(TERMINATE)

    thread = threading.Thread(target=terminate)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


FAULTS = [restarted, frozen, backends_terminated]


class Clients:
    """Threads that read and submit all the time, and keep what they were answered."""

    def __init__(self, rig: Rig) -> None:
        self._pause_seconds = 0.4
        self.statuses: Counter[int] = Counter()
        self.accepted: list[str] = []
        self.longest_seconds = 0.0
        self._rig = rig
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(ask,)) for ask in (self._read, self._submit)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, ask: Any) -> None:
        while not self._is_over.wait(self._pause_seconds):
            answer: httpx2.Response = ask()
            self.statuses[answer.status_code] += 1
            self.longest_seconds = max(self.longest_seconds, answer.elapsed.total_seconds())

    def _read(self) -> httpx2.Response:
        return self._rig.service.call("GET", "/v1/jobs?limit=5")

    def _submit(self) -> httpx2.Response:
        answer = self._rig.service.call("POST", "/v1/jobs", body=TINY)
        if answer.status_code == 201:
            self.accepted.append(answer.json()["id"])
        return answer


def hurt(rig: Rig, fault: Any, seconds: float, measured: Measured, *, least_share: float) -> None:
    with rig.training() as running, Clients(rig) as clients, metronome(rig.service.data_dir) as beats:
        began = time.time()
        with fault(rig):
            pause(seconds)
            away = Window(began, time.time())
        kept = pace(rig, running, beats, away)
    job = rig.service.job(running)
    others = rig.finished(clients.accepted)
    refused = {status for status in clients.statuses if not (200 <= status < 500 or status == 503)}
    lost = [other for other in others if other["status"] != "succeeded"]
    reaped = [each for each in (job, *others) if "lost" in {attempt["outcome"] for attempt in each["attempts"]}]
    measured(
        f"PostgreSQL {fault.__name__.replace('_', ' ')} for {seconds:g} s",
        jobs=len(others) + 1,
        lost=len(lost),
        reaped=len(reaped),
        answers=sum(clients.statuses.values()),
        answers_503=clients.statuses[503],
        longest_answer_s=clients.longest_seconds,
        pace_kept=kept.kept,
        longest_pause_s=kept.longest_gap_seconds,
    )
    assert (refused, lost, reaped) == (set(), [], []), rig.service.logs()
    assert len(job["attempts"]) == 1
    assert_not_slowed(kept, least_share=least_share)


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_reaped_or_slowed(rig: Rig, fault, measured):
    hurt(rig, fault, 9.0 if fault is frozen else 2.0, measured, least_share=0.4)


@pytest.mark.nightly
@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_reaped_or_slowed_in_minutes(rig: Rig, fault, measured):
    hurt(rig, fault, 120.0 if fault is restarted else 60.0, measured, least_share=0.8)
