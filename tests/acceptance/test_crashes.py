"""Processes die at the worst moment; nothing that was accepted is lost."""

from concurrent.futures import ThreadPoolExecutor
from signal import SIGKILL, SIGTERM
from typing import Any

import httpx2
import psutil

from launcher import processes
from tests.fixtures.services import RunningService, StartService, running_service
from tests.fixtures.waiting import wait_for

LONG = {
    "data": {"dataset": "digits"},
    "network": {"type": "mlp", "hidden": [64]},
    "training": {"epochs": 80},
    "early_stopping": None,
    "checkpoints": {"every": "40 steps"},
}
TINY = {"data": {"dataset": "iris"}, "network": {"type": "mlp", "hidden": [4]}, "training": {"epochs": 1}}


def when_it_has_a_checkpoint(service: RunningService, job_id: str) -> int:
    """The step of the newest checkpoint of a running job, once there is one."""
    path = f"/v1/jobs/{job_id}/checkpoints"
    listed = wait_for(lambda: service.call("GET", path).json()["data"], "a checkpoint", timeout_seconds=60)
    return max(int(checkpoint["step"]) for checkpoint in listed)


def outcomes(job: dict[str, Any]) -> list[str]:
    return [attempt["outcome"] for attempt in job["attempts"]]


def test_a_job_goes_on_from_its_checkpoint_after_kill_9_of_the_worker(start_service: StartService):
    service = start_service()
    job_id = service.submit(LONG)
    step = when_it_has_a_checkpoint(service, job_id)
    service.kill("worker")
    job = service.wait(job_id, timeout_seconds=120)
    assert job["status"] == "succeeded", (job["reason"], service.logs())
    assert outcomes(job) == ["lost", "succeeded"]
    assert job["attempts"][1]["resumed_from_step"] >= step
    assert curve_is_whole(service, job)


def curve_is_whole(service: RunningService, job: dict[str, Any]) -> bool:
    """Whether the loss of every step is there once, though some steps were trained twice."""
    path = f"/v1/jobs/{job['id']}/metrics/train/loss?max_points=100000"
    steps = service.call("GET", path).json()["step"]
    return steps == list(range(1, job["progress"]["step"] + 1))


def test_kill_9_of_the_api_loses_nothing_that_was_accepted(start_service: StartService):
    service = start_service()
    with ThreadPoolExecutor(8) as clients:
        submitted = [clients.submit(submit_if_possible, service) for _ in range(60)]
        service.kill("api")
        accepted = {job_id for future in submitted if (job_id := future.result())}
    assert accepted
    for job_id in accepted:
        assert service.wait(job_id)["status"] == "succeeded"


def submit_if_possible(service: RunningService) -> str | None:
    """The id of an accepted job; None where the connection broke before an answer came."""
    try:
        return service.submit(TINY)
    except httpx2.TransportError:
        return None


def test_kill_9_of_the_broker_costs_a_moment_and_no_job(start_service: StartService):
    service = start_service()
    service.kill("broker")
    job = service.train(TINY)
    assert job["status"] == "succeeded"


def test_a_stopping_service_puts_its_jobs_back_with_a_checkpoint_and_the_next_one_goes_on(tmp_path):
    with running_service(tmp_path / "data") as service:
        job_id = service.submit(LONG)
        when_it_has_a_checkpoint(service, job_id)
    with running_service(tmp_path / "data") as service:
        job = service.wait(job_id, timeout_seconds=120)
    assert job["status"] == "succeeded", job["reason"]
    assert outcomes(job) == ["drained", "succeeded"]
    assert job["attempts"][1]["resumed_from_step"] > 0


def test_kill_9_of_the_launcher_leaves_no_process_behind(tmp_path):
    with running_service(tmp_path / "data") as service:
        service.wait(service.submit(LONG), until={"running"})
        family = psutil.Process(service.process.pid).children(recursive=True)
        assert len(family) >= 4, family
        processes.stop(service.process, how=SIGKILL)
        gone, alive = psutil.wait_procs(family, timeout=30)
        assert alive == [], [process.cmdline() for process in alive]
        assert len(gone) == len(family)
        service.process.returncode = 0  # the fixture would take the kill for a failure


def test_a_part_that_is_told_to_stop_from_outside_is_started_again(start_service: StartService):
    service = start_service()
    before = service.pid("worker")
    psutil.Process(before).send_signal(SIGTERM)
    wait_for(lambda: worker_changed(service, before), "another worker", timeout_seconds=60)
    assert service.train(TINY)["status"] == "succeeded"


def worker_changed(service: RunningService, before: int) -> bool:
    note = service.folder.running()
    return note is not None and note.parts.get("worker", before) != before
