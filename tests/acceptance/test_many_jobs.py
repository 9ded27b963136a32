"""Two hundred jobs from twenty clients at once: each is trained, and each exactly once."""

from concurrent.futures import ThreadPoolExecutor

from tests.fixtures.services import RunningService
from tests.fixtures.waiting import wait_for

NUM_JOBS = 200
NUM_CLIENTS = 20
TINY = {"data": {"dataset": "iris"}, "network": {"type": "mlp", "hidden": [4]}, "training": {"epochs": 1}}
TERMINAL_EVENTS = {"job.succeeded", "job.failed", "job.cancelled"}


def test_all_of_them_finish_and_each_exactly_once(any_service: RunningService):
    spec = {**TINY, "labels": {"case": "crowd"}}
    with ThreadPoolExecutor(NUM_CLIENTS) as clients:
        job_ids = list(clients.map(lambda _: any_service.submit(spec), range(NUM_JOBS)))
        assert len(set(job_ids)) == NUM_JOBS
        wait_for(lambda: num_open(any_service) == 0, "the last job", timeout_seconds=240, pause_seconds=0.5)
        jobs = list(clients.map(any_service.job, job_ids))
        endings = list(clients.map(lambda job_id: terminal_events(any_service, job_id), job_ids))
    assert {job["status"] for job in jobs} == {"succeeded"}, any_service.logs()
    assert {len(job["attempts"]) for job in jobs} == {1}
    assert set(map(tuple, endings)) == {("job.succeeded",)}


def num_open(service: RunningService) -> int:
    statuses = ("queued", "running")
    pages = (service.call("GET", f"/v1/jobs?label.case=crowd&status={status}&limit=1") for status in statuses)
    return sum(len(page.json()["data"]) for page in pages)


def terminal_events(service: RunningService, job_id: str) -> list[str]:
    events = service.call("GET", f"/v1/jobs/{job_id}/events").json()["data"]
    return [event["type"] for event in events if event["type"] in TERMINAL_EVENTS]
