"""`demo`: train a network on handwritten digits, show how it goes, and say what to do next."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher import processes
from launcher.errors import NotStarted
from launcher.folder import DataFolder, Running
from launcher.service import ROOT
from models.settings import Settings
from trainyard import Client
from trainyard.terminal import follow

SPEC = {
    "name": "digits-demo",
    "data": {"dataset": "digits"},
    "network": {"type": "cnn", "channels": [16, 32]},
    "training": {"epochs": 12},
    "labels": {"from": "demo"},
}
"""1,797 pictures of handwritten digits, 8 x 8 pixels each, told apart by a small convolutional network."""

POLL_SECONDS = 0.05
START_SECONDS = 150.0
STOP_SECONDS = 70.0


def demo(settings: Settings) -> int:
    """Run the demonstration and return its exit status: 0 when the job has succeeded. Raises errors.NotStarted."""
    folder = DataFolder.at(settings.data_dir)
    with _service(folder) as running, Client(running.url, folder.key()) as client:
        job = client.jobs.submit(SPEC)
        print(f"dashboard {running.url}  (sign in with the key in {_short(folder.key_file)})")
        print(f"submitted {job.id}: a convolutional network on 1,797 handwritten digits\n", flush=True)
        follow(job)
    if job.status != "succeeded":
        print(f"\nThe job has not succeeded; the logs are in {_short(folder.path / 'logs')}.", file=sys.stderr)
        return 1
    return 0


@contextmanager
def _service(folder: DataFolder) -> Iterator[Running]:
    """The service that runs on this folder already, or one of our own that is stopped at the end."""
    if found := folder.running():
        print(f"using the service that is running on {_short(folder.path)}", flush=True)
        yield _when_ready(folder, pid=found.pid)
        _say_what_next(f"{found.url}  the dashboard; the service keeps running")
        return
    print("starting broker, API and worker ...", flush=True)
    command = [sys.executable, "-m", "launcher", "up", "--port", "0", "--data-dir", str(folder.path)]
    launcher = processes.spawn(command, directory=ROOT)
    try:
        yield _when_ready(folder, pid=launcher.pid, launcher=launcher)
    finally:
        processes.stop(launcher, grace_seconds=STOP_SECONDS)
    _say_what_next("./run up     start it again, to stay: dashboard and API at http://127.0.0.1:8000")


def _when_ready(folder: DataFolder, *, pid: int, launcher: subprocess.Popen[bytes] | None = None) -> Running:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if launcher and launcher.poll() is not None:
            raise NotStarted("the service did not start")
        if (running := folder.running()) and running.pid == pid and running.ready:
            return running
        time.sleep(POLL_SECONDS)
    raise NotStarted(f"the service was not ready after {START_SECONDS:g} s; see {folder.path / 'logs'}")


def _say_what_next(first: str) -> None:
    print(f"\nWhat next\n  {first}")
    print("  README.md    train on your own data over HTTP, from Python or from the command line", flush=True)


def _short(path: Path) -> str:
    """The path as a person in this folder would type it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
