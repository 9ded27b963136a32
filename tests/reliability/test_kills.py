"""kill -9 of trainers, their template, the worker and the API at random moments: every job finishes, with the bits of a
run that nobody disturbed, soon, and no process is left behind.
"""

import random
import signal
import threading
import time
from collections import Counter
from typing import Any

import httpx2
import psutil
import pytest

from models.clock import parse_rfc3339
from tests.fixtures.results import Measured
from tests.fixtures.waiting import wait_for
from tests.reliability.rig import Rig, p99
from tests.worker.running import is_alive

#: A production lease and half a minute. The lease is shorter here, but a worker takes as long to start as anywhere.
LONGEST_RESTART_SECONDS = 60.0 + 30.0
ORPHANS_DIE_WITHIN_SECONDS = 2.0
VICTIMS = ["trainer"] * 6 + ["worker"] * 2 + ["template", "api"]
JOB = {
    "data": {"dataset": "digits"},
    "network": {"type": "mlp", "hidden": [32], "dropout": 0.2},
    "training": {"epochs": 40, "batch_size": 64},
    "checkpoints": {"every": "20 steps"},
    "early_stopping": None,
    "evaluation": {"baselines": False},
    "retries": {"infrastructure": 100},
}


class Killer:
    """Kills one process after another, and keeps when."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self.kills: Counter[str] = Counter()
        self.times: list[tuple[float, bool]] = []  # and whether everything that trained went with it
        self.orphans: list[str] = []
        self._rig = rig
        self._dice = random.Random(seed)
        self._next: list[str] = []

    def strike(self) -> None:
        """Wait a random moment, kill somebody, and see that what must die with it does."""
        threading.Event().wait(self._dice.uniform(0.3, 1.5))
        if not self._next:
            self._next = self._dice.sample(VICTIMS, len(VICTIMS))
        victim = self._next.pop()
        self.kills[victim] += 1
        getattr(self, f"_kill_{victim}")()

    def _kill_trainer(self) -> None:
        if trainers := self._trainers():
            self._kill(self._dice.choice(trainers))

    def _kill_template(self) -> None:
        if template := self._template():
            self._kill(template, takes_all=True)

    def _kill_worker(self) -> None:
        family = {child.pid: " ".join(child.cmdline()) for child in self._worker().children(recursive=True)}
        self.times.append((time.time(), True))
        self._rig.service.kill("worker")
        threading.Event().wait(max(0.0, self.times[-1][0] + ORPHANS_DIE_WITHIN_SECONDS - time.time()))
        self.orphans += [command for pid, command in family.items() if is_alive(pid)]
        wait_for(self._template, "another template", timeout_seconds=60)

    def _kill_api(self) -> None:
        self._rig.service.kill("api")
        wait_for(self._answers, "another API to answer", timeout_seconds=60)

    def _kill(self, process: psutil.Process, *, takes_all: bool = False) -> None:
        self.times.append((time.time(), takes_all))
        process.send_signal(signal.SIGKILL)

    def _answers(self) -> bool:
        try:
            return self._rig.service.call("GET", "/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def _worker(self) -> psutil.Process:
        return psutil.Process(self._rig.service.pid("worker"))

    def _template(self) -> psutil.Process | None:
        children = self._worker().children()
        return next((child for child in children if "worker.template" in child.cmdline()), None)

    def _trainers(self) -> list[psutil.Process]:
        template = self._template()
        return template.children() if template else []


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
            began, again = parse_rfc3339(attempt["started_at"]), parse_rfc3339(following["started_at"])
            during = [kill for kill in kills if began <= kill[0] <= again]
            if of_all := [at for at, takes_all in during if takes_all]:
                seconds.append(again - of_all[-1])
            elif during:
                seconds.append(again - during[0][0])
    return seconds


def kill_again_and_again(rig: Rig, *, num_jobs: int, num_kills: int, seed: int, measured: Measured) -> None:
    reference = rig.service.train(JOB)
    job_ids = [rig.service.submit(JOB) for _ in range(num_jobs)]
    killer = Killer(rig, seed)
    for _ in range(num_kills):
        killer.strike()
        if all(rig.service.job(job_id)["status"] == "succeeded" for job_id in job_ids):
            job_ids += [rig.service.submit(JOB) for _ in range(2)]
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
    assert p99(waited) <= LONGEST_RESTART_SECONDS
    assert killer.orphans == []


def test_every_job_finishes_with_the_same_bits(rig: Rig, measured):
    kill_again_and_again(rig, num_jobs=3, num_kills=10, seed=3, measured=measured)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [101, 102, 103, 104])
def test_every_job_finishes_with_the_same_bits_after_two_hundred_kills(rig: Rig, seed, measured):
    kill_again_and_again(rig, num_jobs=50, num_kills=50, seed=seed, measured=measured)
