"""A trainer that the kernel kills for memory: the reason says so, and the job goes on once there is room."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from models import jobs, spec
from models.job import Job
from models.samples import sample
from models.status import Status
from tests.fixtures.results import Measured
from tests.fixtures.waiting import wait_for
from tests.reliability.test_storage import TEMPLATE
from tests.worker.running import running_spares
from tests.worker.test_chaos import forgive
from tests.worker.yard import PROJECT, Yard, open_yard
from worker import memory_kills

CGROUPS = Path("/sys/fs/cgroup")
LIMIT_BYTES = 128 << 20
#: Weights, gradients and two moments of these are several times the limit.
HUNGRY = {
    "data": {"dataset": "iris"},
    "network": {"type": "mlp", "hidden": [3072, 3072]},
    "training": {"epochs": 1},
    "evaluation": {"baselines": False},
}


class Shortage:
    """A limit on the memory of the trainers, kept by the kernel; where no control group can be made, a stand-in that
    kills as the kernel does and counts as it does.
    """

    def __init__(self, group: Path | None) -> None:
        self.group = group
        self.is_on = False

    @property
    def by(self) -> str:
        """Who kills."""
        return "the kernel" if self.group is not None else "a stand-in, for no control group can be made here"

    def begin(self, template: psutil.Process) -> None:
        """Whatever the template forks from now on has too little memory."""
        self.is_on = True
        if self.group is not None:
            self._limit(LIMIT_BYTES)
            for process in (template, *template.children()):
                (self.group / "cgroup.procs").write_text(str(process.pid))

    def end(self) -> None:
        """There is enough again."""
        self.is_on = False
        if self.group is not None:
            self._limit(8 << 30)

    def _limit(self, num_bytes: int) -> None:
        (self.group / limit_file(self.group)).write_text(str(num_bytes))


def limit_file(group: Path) -> str:
    """Where a control group of this version keeps its limit."""
    return "memory.limit_in_bytes" if group.parent.name == "memory" else "memory.max"


@contextmanager
def control_group() -> Iterator[Path | None]:
    """A control group of either version that limits memory; None where the system lets us make none."""
    for parent in (CGROUPS / "memory", CGROUPS):
        group = parent / f"trainyard-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / limit_file(group)).exists():
            break
        group.rmdir()
    else:
        yield None
        return
    try:
        yield group
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text(), "the group to be empty", timeout_seconds=60)
        group.rmdir()


def submit(yard: Yard) -> str:
    sent = {**HUNGRY, "retries": {"infrastructure": 5}}
    resolved = spec.document(spec.resolve(spec.parse(sent), sample("iris").profile))
    with yard.database.unit_of_work() as connection:
        return jobs.submit(connection, project=PROJECT, sent=sent, resolved=resolved).id


def train(yard: Yard, job_id: str) -> Job:
    yard.ring()
    yard.join()
    return yard.job(job_id)


def stand_in(yard: Yard, job_id: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Kills the trainer as the kernel would, and has it counted."""
    kills = []
    monkeypatch.setattr(memory_kills, "count", lambda: len(kills))

    def kill() -> None:
        supervisor = wait_for(lambda: yard.slots._running.get(job_id), "a trainer")
        wait_for(lambda: supervisor._trainer.pid, "its process")
        kills.append(supervisor._trainer.pid)
        supervisor._trainer.signal(signal.SIGKILL)

    return kill


def test_a_trainer_that_the_kernel_kills_for_memory_says_so_and_its_job_goes_on_when_there_is_room(
    sqlite_database, tmp_path, monkeypatch, measured: Measured
):
    monkeypatch.setenv("FULL_WHILE", str(tmp_path / "never"))
    with control_group() as group:
        shortage = Shortage(group)
        with running_spares(command=TEMPLATE) as spares, open_yard(sqlite_database, tmp_path, spares) as yard:
            (template,) = (child for child in psutil.Process().children() if TEMPLATE[1] in child.cmdline())
            job_id = submit(yard)
            shortage.begin(template)
            yard.ring()
            if group is None:
                stand_in(yard, job_id, monkeypatch)()
            yard.join()
            killed = yard.job(job_id)
            shortage.end()
            assert killed.reason is not None
            assert (killed.status, killed.reason["code"]) == (Status.QUEUED, "host_oom")
            assert template.is_running(), "the trainer offered itself, and what it was forked from lives"
            forgive(yard)
            job = train(yard, job_id)
    measured("host out of memory", killed_by=shortage.by, reason="host_oom", attempts=len(job.attempts))
    assert (job.status, job.reason) == (Status.SUCCEEDED, None)
    assert [attempt.outcome for attempt in job.attempts] == ["failed", "succeeded"]
