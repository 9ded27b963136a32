"""A Ray head on this machine that is sent `first_step.py` as a job: its Jobs API, with no runtime environment."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from _answering import answer
from ray.job_submission import JobStatus, JobSubmissionClient

SCRIPT = Path(__file__).with_name("first_step.py")
_START_SECONDS = 180.0


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Head:
    """A running head, and a client of its dashboard."""

    def __init__(self, folder: str) -> None:
        dashboard = free_port()
        ports = [f"--port={free_port()}", f"--dashboard-port={dashboard}", f"--ray-client-server-port={free_port()}"]
        local = ["--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", f"--temp-dir={folder}"]
        ray = Path(sys.executable).with_name("ray")
        command = [str(ray), "start", "--head", "--block", "--disable-usage-stats", *ports, *local]
        self.process = subprocess.Popen(command, stdout=sys.stderr)
        self.client = self._connected(f"http://127.0.0.1:{dashboard}")
        self._await_agent()

    def _connected(self, address: str) -> JobSubmissionClient:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                client = JobSubmissionClient(address)
                client.list_jobs()
            except Exception:  # it says that nobody answers in many ways
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return client

    def _await_agent(self) -> None:
        """Wait until a first job is taken: the head answers before it can start any."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.run()
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1.0)
            else:
                return

    def run(self) -> Mapping[str, Any]:
        """Seconds from submitting to the first step, and to success."""
        began = time.time()
        job = self.client.submit_job(entrypoint=f"{sys.executable} {SCRIPT}")
        while not (status := self.client.get_job_status(job)).is_terminal():
            time.sleep(0.01)
        ended = time.time()
        log = self.client.get_job_logs(job)
        if status is not JobStatus.SUCCEEDED:
            raise RuntimeError(log)
        (line,) = (line for line in log.splitlines() if line.startswith("{"))
        return {"to_first_step": json.loads(line)["first_step_at"] - began, "to_success": ended - began}

    def close(self) -> None:
        """End the head and what it has started."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        self.process.kill()


def main() -> None:
    """Serve until nobody asks any more."""
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        head = Head(folder)
        try:
            answer({"run": head.run})
        finally:
            head.close()


if __name__ == "__main__":
    main()
