"""A walk through a whole service, with a worker that trains: every operation is asked once and does what it is for."""

from typing import Any
from uuid import uuid4

import httpx2

from tests.fixtures.receivers import Receiver
from tests.fixtures.services import RunningService
from tests.fixtures.waiting import wait_for
from tests.recording.tape import Tape

ROWS = b"age,city,income\n" + b"".join(
    b"%d,%s,%d\n" % (20 + n, (b"Ulm", b"Bonn")[n % 2], 900 + 40 * n) for n in range(60)
)
DIGITS = {"name": "digits", "data": {"dataset": "digits"}, "network": {"type": "mlp", "hidden": [64]}}
#: Ends by nobody but who asks for it.
ENDLESS: dict[str, Any] = {
    "name": "long",
    "data": {"dataset": "digits"},
    "training": {"epochs": 100_000},
    "early_stopping": None,
}
#: Too deep for sigmoids: the diagnosis says so.
VANISHING: dict[str, Any] = {
    "name": "deep",
    "data": {"dataset": "breast_cancer"},
    "network": {"type": "mlp", "hidden": [32] * 8, "activation": "sigmoid", "norm": "none", "dropout": 0.0},
    "optimizer": "sgd",
    "training": {"epochs": 2},
}


class Walk:
    """Somebody who asks one running service for everything, and keeps the answers."""

    def __init__(self, service: RunningService, tape: Tape, receiver: Receiver) -> None:
        self._service = service
        self._tape = tape
        self._receiver = receiver

    def whole(self) -> None:
        """The walk from the first look to the drain of the worker."""
        self._looks_around()
        webhook = self._makes_a_webhook()
        self._uploads()
        first = self._submits()
        self._steers()
        self._reads(first)
        self._descends(first)
        self._finds(self._service.train(VANISHING)["id"])
        self._hears(webhook)
        self._gives_access()
        self._ask("GET", "/v1/audit?operation=create_job", keep="lines")
        self._ask("GET", "/metrics", keep="scrape", headers={"Accept": "text/plain"})
        (worker,) = self._ask("GET", "/v1/workers", keep="workers").json()["data"]
        self._ask("POST", f"/v1/workers/{worker['id']}/drain", keep="draining")

    def _ask(self, method: str, path: str, *, keep: str | None = None, **words: Any) -> httpx2.Response:
        """Ask for something that must succeed, and keep the answer if it has a name."""
        answer = self._service.call(method, path, **words)
        assert answer.is_success, f"{method} {path}: {answer.text}"
        if keep is not None:
            self._tape.keep(answer, keep)
        return answer

    def _looks_around(self) -> None:
        for path, name in (("/healthz", "ok"), ("/readyz", "ready"), ("/version", "version")):
            self._ask("GET", path, keep=name)
        self._ask("GET", "/v1/catalogue", keep="catalogue")
        description = self._ask("GET", "/openapi.json").json()
        outline = {name: description[name] for name in ("openapi", "info")} | {"paths": {}, "components": {}}
        self._tape.put("get_openapi", "200", "application/json", "outline", outline)

    def _makes_a_webhook(self) -> str:
        wanted = {"url": self._receiver.url, "events": ["job.succeeded", "job.failed", "job.cancelled"]}
        webhook = self._ask("POST", "/v1/webhooks", body=wanted, keep="created").json()["id"]
        self._ask("GET", f"/v1/webhooks/{webhook}", keep="webhook")
        self._ask("GET", "/v1/webhooks", keep="page")
        self._ask("PATCH", f"/v1/webhooks/{webhook}", body={"description": "the nightly report"}, keep="changed")
        self._ask("POST", f"/v1/webhooks/{webhook}/rotate", keep="rotated")
        return str(webhook)

    def _uploads(self) -> None:
        wanted = {"name": "people", "format": "csv", "bytes": len(ROWS)}
        dataset = self._ask("POST", "/v1/datasets", body=wanted, keep="declared").json()["id"]
        content = f"/v1/datasets/{dataset}/content"
        kind = {"Content-Type": "application/octet-stream"}
        self._ask("PUT", content, body=ROWS[:100], headers={**kind, "Upload-Complete": "?0"}, keep="part")
        self._ask("PUT", content, body=ROWS[100:], headers={**kind, "Upload-Offset": "100"}, keep="whole")
        self._service.wait_for_dataset(dataset)
        self._ask("GET", f"/v1/datasets/{dataset}", keep="ready")
        self._ask("GET", "/v1/datasets", keep="page")

    def _submits(self) -> str:
        spec = {**DIGITS, "training": {"epochs": 6}, "labels": {"team": "vision"}}
        for stage in ("schema", "data", "step"):
            self._ask("POST", f"/v1/jobs?dry_run={stage}", body=spec, keep=stage)
        job = self._ask("POST", "/v1/jobs", body=spec, headers={"Idempotency-Key": f'"{uuid4()}"'}, keep="queued")
        self._service.wait(job.json()["id"])
        return str(job.json()["id"])

    def _steers(self) -> None:
        job = self._service.submit(ENDLESS)
        path = f"/v1/jobs/{job}"
        self._begins(job)
        self._ask("GET", path, keep="running")
        self._twice(path, "pause")
        self._service.wait(job, until={"paused"})
        self._twice(path, "resume")
        self._begins(job)
        self._twice(path, "stop")
        self._service.wait(job)
        waiting = self._service.submit(ENDLESS)
        self._twice(f"/v1/jobs/{waiting}", "cancel")
        self._service.wait(waiting)
        self._twice(f"/v1/jobs/{waiting}", "retry")
        self._ask("POST", f"/v1/jobs/{waiting}/cancel")
        self._service.wait(waiting)
        self._ask("PATCH", f"/v1/jobs/{waiting}", body={"labels": {"draft": "yes"}, "priority": 5}, keep="changed")

    def _begins(self, job: str) -> None:
        """Wait until a job trains, so that it has something to show."""
        wait_for(
            lambda: (seen := self._service.job(job))["phase"] == "training" and (seen["progress"]["step"] or 0) > 0,
            f"{job} to train",
            timeout_seconds=90,
        )

    def _twice(self, path: str, verb: str) -> None:
        """Ask for a change, and again where it holds already."""
        self._ask("POST", f"{path}/{verb}", keep="changed")
        self._ask("POST", f"{path}/{verb}", keep="held")

    def _reads(self, job: str) -> None:
        path = f"/v1/jobs/{job}"
        self._ask("GET", path, keep="succeeded")
        self._ask("GET", "/v1/jobs?limit=2", keep="page")
        self._ask("GET", f"{path}/events", keep="page")
        self._ask("GET", f"{path}/events", headers={"Accept": "text/event-stream"}, keep="stream")
        self._ask("GET", f"{path}/metrics", keep="names")
        self._ask("GET", f"{path}/metrics/train/loss?max_points=4", keep="series")
        self._ask("GET", f"{path}/metrics/train/loss?max_points=4", headers={"Accept": "text/csv"}, keep="columns")
        self._ask("GET", f"{path}/logs", keep="text")
        self._ask("GET", f"{path}/logs?tail=3", headers={"Accept": "text/event-stream"}, keep="stream")
        self._ask("GET", f"{path}/checkpoints", keep="kept")
        self._ask("GET", f"{path}/checkpoints/best", keep="best")

    def _descends(self, first: str) -> None:
        iris = self._service.train({"data": {"dataset": "iris"}, "training": {"epochs": 4}})["id"]
        patch = {"patch": {"optimizer": {"learning_rate": 0.0003}}, "from_checkpoint": "best"}
        fork = self._ask("POST", f"/v1/jobs/{first}/fork", body=patch, keep="queued").json()["id"]
        again = self._ask("POST", f"/v1/jobs/{first}/reproduce", keep="queued").json()["id"]
        for job in (fork, again):
            self._service.wait(job)
        self._ask("GET", f"/v1/jobs/{again}", keep="reproduction")
        self._ask("GET", f"/v1/jobs/compare?ids={first},{fork}", keep="fork")
        row = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
        self._ask("POST", f"/v1/jobs/{iris}/predict", body={"rows": [row]}, keep="classes")

    def _finds(self, job: str) -> None:
        found = self._ask("GET", f"/v1/jobs/{job}/diagnosis", keep="findings").json()["data"]
        assert found, "the diagnosis found nothing"

    def _hears(self, webhook: str) -> None:
        path = f"/v1/webhooks/{webhook}"
        sent = wait_for(lambda: self._receiver.taken, "an event")
        self._tape.keep_sent(sent[0].body, "succeeded")
        test = self._ask("POST", f"{path}/test", keep="owed").json()["id"]

        def delivered() -> bool:
            listed = self._ask("GET", f"{path}/deliveries").json()["data"]
            return all(one["status"] == "delivered" for one in listed)

        wait_for(delivered, "every delivery")
        self._ask("GET", f"{path}/deliveries?limit=2", keep="page")
        self._ask("POST", f"{path}/deliveries/{test}/redeliver", keep="owed")

    def _gives_access(self) -> None:
        wanted = {"name": "ci", "scopes": ["jobs:read", "jobs:write"]}
        key = self._ask("POST", "/v1/keys", body=wanted, keep="created").json()["id"]
        self._ask("POST", f"/v1/keys/{key}/rotate", body={"grace_seconds": 3600}, keep="rotated")
        self._ask("GET", "/v1/keys", keep="page")
        self._ask("DELETE", f"/v1/keys/{key}", keep="revoked")
        project = {"name": "risk", "quotas": {"running_jobs": 4, "gpu_seconds": 360_000}}
        self._ask("POST", "/v1/projects", body=project, keep="created")
        self._ask("PATCH", "/v1/projects/risk", body={"quotas": {"queued_jobs": 100}}, keep="changed")
        self._ask("POST", "/v1/projects/risk/close", keep="closed")
        self._ask("POST", "/v1/projects/risk/open", keep="opened")
        self._ask("GET", "/v1/projects/risk", keep="project")
        self._ask("GET", "/v1/projects", keep="page")
