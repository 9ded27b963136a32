"""`up`: run the service on this machine until told to stop."""

import os
import time
from collections.abc import Callable

from launcher.errors import NotStarted
from launcher.folder import DataFolder, Running
from launcher.readiness import Door
from launcher.service import Plan, listening, url_of
from launcher.supervision import HOPELESS_CRASHES, Supervisor
from models.artifacts import usable_store
from models.settings import Settings

START_SECONDS = 120.0


def up(settings: Settings, *, say: Callable[[str], None] = print) -> None:
    """Run the service until SIGINT or SIGTERM; say one line `ready http://…` when a job can be submitted.

    Raises folder.Occupied, service.PortTaken, broker.NoBroker, errors.NotStarted or, for an artifact store that cannot
    be used, models.errors.Unavailable, each with a sentence for a person.
    """
    folder = DataFolder.at(settings.data_dir)
    with folder.taken(), listening(settings.host, settings.port) as listener:
        if not settings.is_loopback and folder.key() is None:
            raise NotStarted(
                f"not listening on {settings.host} without an admin key: start once on 127.0.0.1 to make one"
            )
        usable_store(settings)
        folder.roll_logs()
        url = url_of(listener)
        supervisor = Supervisor(
            Plan(settings, folder, listener).parts(),
            say=say,
            announce=lambda pids, ready: folder.announce(Running(url, os.getpid(), pids, ready)),
        )
        supervisor.listen()
        try:
            _make_ready(supervisor, settings, folder, url)
            supervisor.run_until(lambda: False)
        finally:
            supervisor.stop()
    say("stopped")


def _make_ready(supervisor: Supervisor, settings: Settings, folder: DataFolder, url: str) -> None:
    """Start everything, the tables made while the API is still importing, and wait until a job can be submitted."""
    supervisor.start("broker", "api")
    from launcher.preparation import prepare  # half a second, in which the API is starting already

    prepared = prepare(settings.database)
    if prepared.new_key:
        folder.write_key(prepared.new_key)
        shown = (
            f"{prepared.new_key} (shown once; kept" if settings.log_format == "text" else "(kept"
        )  # logs are collected
        supervisor.say(f"admin key {shown} in {folder.key_file})")
    supervisor.start("worker")
    door = Door(url, folder.key() or "")
    deadline = time.monotonic() + START_SECONDS
    supervisor.run_until(
        lambda: door.takes_jobs(earlier_workers=prepared.earlier_workers) or time.monotonic() > deadline,
        hopeless_crashes=HOPELESS_CRASHES,
    )
    if time.monotonic() > deadline:
        raise NotStarted(f"not ready after {START_SECONDS:g} s: see {folder.path / 'logs'}")
    if not supervisor.stop_orders:
        supervisor.declare_ready()
        supervisor.say(f"ready {url}")
