"""A slot whose device fails again and again takes no job until its device has passed a probe."""

import threading
from collections.abc import Iterator

import pytest

from models.endings import Ending
from models.settings import Settings
from models.status import Outcome, Status
from tests.fixtures.waiting import wait_for
from tests.worker.running import running_spares
from tests.worker.test_chaos import forgive
from tests.worker.yard import open_yard
from worker.quarantine import Quarantine
from worker.spares import Spares

WELL = Ending(outcome=Outcome.SUCCEEDED)


def failed(code: str, fault: str = "infrastructure") -> Ending:
    return Ending(outcome=Outcome.FAILED, reason={"code": code, "message": "so it is", "param": None, "fault": fault})


class Bench(Spares):
    """A quarantine of two slots whose probes a test answers."""

    def __init__(self) -> None:
        self.passes: bool | None = False
        self.probed: list[int] = []
        self.dropped: list[int] = []
        self.is_back = threading.Event()
        settings = Settings(slots=2, gpu_faults=2, gpu_probe_seconds=0.01)
        self.quarantine = Quarantine(settings, spares=self, on_return=self.is_back.set)

    def probe(self, slot: int) -> bool:
        self.probed.append(slot)
        if self.passes is None:
            raise OSError("a probe of the probe")
        return self.passes

    def drop(self, slot: int) -> None:
        self.dropped.append(slot)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.quarantine.close()


def test_two_faults_in_a_row_put_a_slot_aside_and_no_other(bench):
    bench.quarantine.judge(0, failed("gpu_fault"))
    assert not bench.quarantine.holds(0)
    bench.quarantine.judge(0, failed("no_gpu"))
    assert (bench.quarantine.holds(0), bench.quarantine.holds(1)) == (True, False)
    (shown,) = bench.quarantine.document()
    assert (shown["slot"], shown["faults"], shown["reason"]["code"]) == (0, 2, "no_gpu")
    assert shown["since"].endswith("Z")
    assert bench.dropped == [0, 0], "a spare that may have touched the device is of no use"


@pytest.mark.parametrize(
    ("between", "is_held"),
    [
        (WELL, False),
        (Ending(outcome=Outcome.PAUSED), False),
        (failed("diverged", "user"), False),
        (failed("worker_lost"), True),
        (failed("storage_full"), True),
    ],
)
def test_an_attempt_that_the_device_got_through_clears_it_and_one_that_says_nothing_of_it_does_not(
    bench, between, is_held
):
    for ending in (failed("gpu_fault"), between, failed("gpu_fault")):
        bench.quarantine.judge(0, ending)
    assert bench.quarantine.holds(0) == is_held


def test_a_device_is_probed_until_it_passes_and_its_slot_is_back(bench):
    for _ in range(2):
        bench.quarantine.judge(1, failed("gpu_fault"))
    wait_for(lambda: len(bench.probed) > 1, "a second probe")
    assert bench.quarantine.holds(1)
    bench.passes = True
    assert bench.is_back.wait(30)
    assert (set(bench.probed), bench.quarantine.holds(1), bench.quarantine.document()) == ({1}, False, [])


def test_a_broken_probe_counts_as_failed(bench, caplog):
    bench.passes = None
    for _ in range(2):
        bench.quarantine.judge(0, failed("gpu_fault"))
    wait_for(lambda: "could not be probed" in caplog.text, "a probe")
    assert bench.quarantine.holds(0)


def test_the_jobs_of_a_slot_whose_device_fails_go_elsewhere_until_it_has_passed_a_probe(sqlite_database, tmp_path):
    broken = tmp_path / "broken"
    broken.touch()
    with (
        running_spares(environments=[{"BROKEN_WHILE": str(broken)}, {}]) as spares,
        open_yard(sqlite_database, tmp_path, spares, gpu_faults=2, gpu_probe_seconds=0.1) as yard,
    ):
        job_id = yard.submit("on a device")
        for num_faults in (1, 2):
            yard.ring()
            yard.join()
            assert yard.job(job_id).reason["code"] == "gpu_fault"
            assert len(yard.slots.quarantined()) == num_faults - 1
            forgive(yard)
        assert yard.slots.num_free == 1
        yard.ring()
        yard.join()
        job = yard.job(job_id)
        assert (job.status, [attempt.outcome for attempt in job.attempts]) == (
            Status.SUCCEEDED,
            ["failed", "failed", "succeeded"],
        )
        waiting = yard.submit("on a device")
        broken.unlink()
        wait_for(lambda: yard.slots.quarantined() == [], "the slot to be back")
        assert yard.wait(waiting).status == Status.SUCCEEDED, "nobody has rung for it"
