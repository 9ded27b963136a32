"""kill -9 of trainers, their template, the worker and the API at random moments: every job finishes, with the bits of a
run that nobody disturbed, soon, and no process is left behind. Part of `test_whole_service`.
"""

import random
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import httpx2
import psutil
import pytest

from models.clock import parse_rfc3339
from tests.fixtures.results import Measured
from tests.fixtures.waiting import wait_for
from tests.reliability.rig import SETTINGS, Rig, p99
from tests.worker.running import is_alive

#: A lease and half a minute. A machine that runs the short form beside other tests needs longer to start a worker.
LONGEST_RESTART_SECONDS = float(SETTINGS["TRAINYARD_LEASE_SECONDS"]) + 30.0
LONGEST_ON_A_BUSY_MACHINE_SECONDS = 120.0
ORPHANS_DIE_WITHIN_SECONDS = 2.0
FEW_VICTIMS = ["trainer", "trainer", "worker", "template", "api"]
VICTIMS = ["trainer"] * 6 + ["worker"] * 2 + ["template", "api"]
#: One thread computes, one hears orders and one speaks; a spare that waits for its job has but the first.
THREADS_OF_A_TRAINER = 3
#: Attempts in a row without a newer checkpoint, after which a job fails.
MOST_TRIES = 3
JOB = {
    "data": {"dataset": "digits"},
    "network": {"type": "mlp", "hidden": [32], "dropout": 0.2},
    "training": {"epochs": 40, "batch_size": 64},
    "checkpoints": {"every": "20 steps"},
    "early_stopping": None,
    "evaluation": {"baselines": False},
    "retries": {"infrastructure": 100},
}


@pytest.fixture(scope="session")
def undisturbed(rig: Rig) -> dict[str, Any]:
    """What the job comes to where nobody disturbs it."""
    return rig.service.train(JOB)


class Killer:
    """Kills one process after another, and keeps when."""

    def __init__(self, rig: Rig, seed: int, victims: list[str], *, longest_pause_seconds: float) -> None:
        self.kills: Counter[str] = Counter()
        self.times: list[tuple[float, bool]] = []  # and whether everything that trained went with it
        self.orphans: list[str] = []
        self._rig = rig
        self._victims = victims
        self._longest_pause_seconds = longest_pause_seconds
        self._dice = random.Random(seed)
        self._next: list[str] = []

    def strike(self) -> None:
        """Wait for something to train and a random moment, kill somebody, and see that what must die with it does.

        A job that was killed twice before it could save anything is let save first: the third time in a row it would
        fail, as is promised.
        """
        wait_for(self._trainers, "a trainer at work", timeout_seconds=120, pause_seconds=0.1)
        threading.Event().wait(self._dice.uniform(0.0, self._longest_pause_seconds))
        wait_for(self._spares_everybody, "a checkpoint of a job's third try", timeout_seconds=120)
        if not self._next:
            self._next = self._dice.sample(self._victims, len(self._victims))
        victim = self._next.pop()
        self.kills[victim] += 1
        getattr(self, f"_kill_{victim}")()

    def _spares_everybody(self) -> bool:
        service = self._rig.service
        try:
            running = service.call("GET", "/v1/jobs?status=running").json()["data"]
            return not any(self._is_on_last_try(service.job(job["id"])) for job in running)
        except httpx2.TransportError:
            return False  # the API has just been killed

    def _is_on_last_try(self, job: dict[str, Any]) -> bool:
        begun = [0]
        for attempt in job["attempts"]:
            begun.append(begun[-1] if attempt["resumed_from_step"] is None else attempt["resumed_from_step"])
        if len(job["attempts"]) < MOST_TRIES or len(set(begun[-MOST_TRIES:])) > 1:
            return False
        saved = self._rig.service.call("GET", f"/v1/jobs/{job['id']}/checkpoints").json()["data"]
        return not saved or saved[0]["step"] <= begun[-1]

    def _kill_trainer(self) -> None:
        while not self._kill(self._dice.choice(wait_for(self._trainers, "a trainer at work", timeout_seconds=120))):
            continue  # it has just finished

    def _kill_template(self) -> None:
        self._kill(wait_for(self._template, "a template", timeout_seconds=120), takes_all=True)

    def _kill_worker(self) -> None:
        family = {child.pid: words for child, words in self._children(recursive=True)}
        self.times.append((time.time(), True))
        self._rig.service.kill("worker")
        threading.Event().wait(max(0.0, self.times[-1][0] + ORPHANS_DIE_WITHIN_SECONDS - time.time()))
        self.orphans += [command for pid, command in family.items() if is_alive(pid)]
        wait_for(self._template, "another template", timeout_seconds=60)

    def _kill_api(self) -> None:
        self._rig.service.kill("api")
        wait_for(self._answers, "another API to answer", timeout_seconds=60)

    def _kill(self, process: psutil.Process, *, takes_all: bool = False) -> bool:
        at = time.time()
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            return False
        self.times.append((at, takes_all))
        return True

    def _answers(self) -> bool:
        try:
            return self._rig.service.call("GET", "/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def _worker(self) -> psutil.Process:
        return psutil.Process(self._rig.service.pid("worker"))

    def _template(self) -> psutil.Process | None:
        return next((child for child, words in self._children() if "worker.template" in words), None)

    def _children(self, *, recursive: bool = False) -> list[tuple[psutil.Process, str]]:
        """What the worker has started, and its command lines."""
        found = []
        for child in self._worker().children(recursive):
            with suppress(psutil.NoSuchProcess):  # a zombie has no command line
                found.append((child, " ".join(child.cmdline())))
        return found

    def _trainers(self) -> list[psutil.Process]:
        """Those that train."""
        try:
            template = self._template()
            forked = template.children() if template else []
            return [trainer for trainer in forked if trainer.num_threads() >= THREADS_OF_A_TRAINER]
        except psutil.NoSuchProcess:
            return []  # gone while it was looked at


def assert_undisturbed(jobs: list[dict[str, Any]], reference: dict[str, Any], rig: Rig) -> None:
    for job in jobs:
        assert (job["status"], job["reason"]) == ("succeeded", None), rig.service.logs()
        assert job["result"]["weights_sha256"] == reference["result"]["weights_sha256"]
        assert job["result"]["test"] == reference["result"]["test"]
        rig.step_times(job["id"])  # every step once


def restarts(jobs: list[dict[str, Any]], kills: list[tuple[float, bool]]) -> list[float]:
    """Seconds from the kill that ended an attempt to the start of the next one; where a worker that was starting again
    was killed once more, from the last.
    """
    seconds = []
    for job in jobs:
        for attempt, following in zip(job["attempts"], job["attempts"][1:], strict=False):
            began, ended, again = map(
                parse_rfc3339, (attempt["started_at"], attempt["ended_at"], following["started_at"])
            )
            during = [kill for kill in kills if began <= kill[0] <= ended]
            of_all = [kill for kill in during if kill[1]]
            if during:
                seconds.append(again - (of_all or during)[-1][0])
    return seconds


def kill_again_and_again(
    rig: Rig,
    reference: dict[str, Any],
    measured: Measured,
    *,
    victims: list[str],
    num_kills: int,
    num_jobs: int,
    num_open: int,
    seed: int,
    longest_pause_seconds: float,
    longest_seconds: float,
) -> None:
    """Kill so often at least, and until so many jobs were submitted. Two train, and where more are open others wait:
    what is killed must not have to wait behind them.
    """
    job_ids: list[str] = []
    killer = Killer(rig, seed, victims, longest_pause_seconds=longest_pause_seconds)
    while killer.kills.total() < num_kills or len(job_ids) < num_jobs:
        while rig.num_waiting(or_training=True) < num_open:
            job_ids.append(rig.service.submit(JOB))
        killer.strike()
    jobs = rig.finished(job_ids, timeout_seconds=300)
    assert_undisturbed(jobs, reference, rig)
    waited = restarts(jobs, killer.times)
    measured(
        f"kill -9, seed {seed}",
        jobs=f"{len(jobs)} of {len(jobs)}",
        **{f"of_{victim}": number for victim, number in killer.kills.items()},
        other_weights=0,
        attempts=sum(len(job["attempts"]) for job in jobs),
        restart_p99_s=p99(waited),
        orphans=len(killer.orphans),
    )
    assert waited, "running jobs were hit"
    assert p99(waited) <= longest_seconds
    assert killer.orphans == []


def test_every_job_finishes_with_the_same_bits(rig: Rig, undisturbed, measured):
    longest = LONGEST_ON_A_BUSY_MACHINE_SECONDS
    kill_again_and_again(
        rig,
        undisturbed,
        victims=FEW_VICTIMS,
        num_kills=5,
        num_jobs=2,
        num_open=2,
        seed=3,
        longest_pause_seconds=1.0,
        longest_seconds=longest,
        measured=measured,
    )


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [101, 102, 103, 104])
def test_two_hundred_of_two_hundred_jobs_finish_with_the_same_bits(rig: Rig, undisturbed, seed, measured):
    longest = LONGEST_RESTART_SECONDS
    kill_again_and_again(
        rig,
        undisturbed,
        victims=VICTIMS,
        num_kills=50,
        num_jobs=50,
        num_open=4,
        seed=seed,
        longest_pause_seconds=3.0,
        longest_seconds=longest,
        measured=measured,
    )
