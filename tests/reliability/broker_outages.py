"""Whatever happens to the broker: no job is lost, none is started twice, and none waits long.

The short form hurts the broker while a few jobs are submitted; the nightly one does it with five hundred, and with the
seconds between two sweeps that hold in production. Part of `test_whole_service`.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import redis
from celery import Celery

from tests.fixtures.results import Measured
from tests.fixtures.waiting import wait_for
from tests.reliability.pace import Window, assert_not_slowed, metronome, pace
from tests.reliability.rig import Rig, p99, running_rig, start_latencies

LONGEST_DURING_SECONDS = 25.0
LONGEST_AFTER_SECONDS = 2.0
PAUSE_SECONDS = 0.15


@contextmanager
def stopped(rig: Rig, how: signal.Signals = signal.SIGTERM) -> Iterator[None]:
    rig.broker.stop(how=how)
    try:
        yield
    finally:
        rig.broker.start()


def killed(rig: Rig) -> AbstractContextManager[None]:
    return stopped(rig, signal.SIGKILL)


@contextmanager
def frozen(rig: Rig) -> Iterator[None]:
    rig.broker.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        rig.broker.process.send_signal(signal.SIGCONT)


@contextmanager
def flushed_again_and_again(rig: Rig) -> Iterator[None]:
    with redis.Redis(port=rig.broker.port) as client, repeated(client.flushall, every_seconds=0.01):
        yield


@contextmanager
def half_open(rig: Rig) -> Iterator[None]:
    rig.proxy.is_silent = True
    try:
        yield
    finally:
        rig.proxy.is_silent = False


@contextmanager
def all_doorbells_dropped(rig: Rig) -> Iterator[None]:
    """What is pushed to the pool's list goes to another of as long a name, which nobody reads."""
    rig.proxy.rewrite = lambda data: data.replace(b"\r\ndefault\r\n", b"\r\nnowhere\r\n") if b"LPUSH" in data else data
    try:
        yield
    finally:
        rig.proxy.rewrite = lambda data: data


@contextmanager
def ten_fold_doorbells(rig: Rig) -> Iterator[None]:
    """Nine doorbells more for each that the API rings."""
    bell = Celery(broker=rig.broker_url)
    with bell.connection_for_write() as connection:

        def ring() -> None:
            for _ in range(9):
                bell.send_task("trainyard.train", queue="default", connection=connection)

        with repeated(ring, every_seconds=PAUSE_SECONDS):
            yield


@contextmanager
def repeated(action: Callable[[], object], *, every_seconds: float) -> Iterator[None]:
    is_over = threading.Event()

    def repeat() -> None:
        while not is_over.wait(every_seconds):
            action()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


FAULTS = [stopped, killed, frozen, flushed_again_and_again, half_open, all_doorbells_dropped, ten_fold_doorbells]


def hurt(
    rig: Rig,
    fault: Callable[[Rig], AbstractContextManager[None]],
    num_jobs: int,
    measured: Measured,
    *,
    longest_after_seconds: float = LONGEST_AFTER_SECONDS,
) -> None:
    pause = threading.Event()
    with fault(rig):
        during = rig.finished(rig.submit_paced(num_jobs, pause=lambda: pause.wait(PAUSE_SECONDS)))
    wait_for(
        lambda: rig.service.call("GET", "/readyz").json()["checks"]["broker"] == "ok", "the broker to be heard again"
    )
    after = rig.finished(
        rig.submit_paced(max(2, num_jobs // 10), pause=lambda: pause.wait(PAUSE_SECONDS), most_waiting=1)
    )
    slowest, later = p99(start_latencies(during)), p99(start_latencies(after))
    lost = [job for job in (*during, *after) if job["status"] != "succeeded"]
    doubled = [job for job in (*during, *after) if len(job["attempts"]) > 1]
    measured(
        f"broker {fault.__name__.replace('_', ' ')}",
        jobs=len(during) + len(after),
        lost=len(lost),
        second_attempts=len(doubled),
        start_p99_during_s=slowest,
        start_p99_after_s=later,
    )
    assert (lost, doubled) == ([], []), rig.service.logs()
    assert slowest <= LONGEST_DURING_SECONDS
    assert later <= longest_after_seconds


@pytest.mark.parametrize("fault", FAULTS)
def test_no_job_is_lost_doubled_or_late(rig: Rig, fault, measured):
    hurt(rig, fault, 4, measured, longest_after_seconds=LONGEST_DURING_SECONDS)


def train_without(rig: Rig, fault: Any, seconds: float, measured: Measured, *, least_share: float) -> None:
    with rig.training() as job_id, metronome(rig.service.data_dir) as beats:
        began = time.time()
        with fault(rig):
            threading.Event().wait(seconds)
            away = Window(began, time.time())
        kept = pace(rig, job_id, beats, away)
    name = f"training, broker {fault.__name__} for {seconds:g} s"
    measured(name, pace_kept=kept.kept, longest_pause_s=kept.longest_gap_seconds)
    assert_not_slowed(kept, least_share=least_share)


def test_a_job_trains_on_at_its_pace_without_a_broker(rig: Rig, measured):
    train_without(rig, stopped, 2.0, measured, least_share=0.4)


@pytest.mark.nightly
@pytest.mark.parametrize("fault", [stopped, frozen])
def test_a_job_trains_on_at_its_pace_without_a_broker_for_minutes(rig: Rig, fault, measured):
    train_without(rig, fault, 120.0, measured, least_share=0.8)


@pytest.fixture(scope="module")
def patient_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The service with the sweeps of production."""
    with running_rig(tmp_path_factory.mktemp("patient"), TRAINYARD_DOORBELL_SECONDS="10") as running:
        yield running


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS)
def test_of_five_hundred_jobs_none_is_lost_doubled_or_late(patient_rig: Rig, fault, measured):
    hurt(patient_rig, fault, 500, measured)
