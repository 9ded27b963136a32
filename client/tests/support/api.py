"""The real API in a thread of the test process, on a port and a database of its own, without broker and worker."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from api.main import create_app
from models import keys
from models.database import Database
from models.settings import Settings
from tests.fixtures.waiting import wait_for


@dataclass(frozen=True)
class Api:
    """Where the API answers, a key that opens it, and the database behind it."""

    url: str
    key: str
    database: Database
    settings: Settings
    app: FastAPI

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def is_watched(self, job_id: str) -> bool:
        """Whether a long poll or a stream of this job is waiting at the API."""
        return job_id in self.app.state.service.watcher._listeners


@contextmanager
def running_api(database_url: str, folder: Path) -> Iterator[Api]:
    """Serve until the block ends."""
    settings = Settings(
        data_dir=folder, database_url=database_url, broker_url="redis://127.0.0.1:9/0", dataset_urls="127.0.0.0/8"
    )
    database = Database(database_url)
    with database.unit_of_work() as connection:
        _, key = keys.create(connection, project="default", name="client tests", scopes=["admin", "operator"])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        app = create_app(settings)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="api")
        thread.start()
        wait_for(lambda: server.started, "the API to start")
        try:
            yield Api(f"http://127.0.0.1:{listener.getsockname()[1]}", key, database, settings, app)
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            database.close()
    assert not thread.is_alive(), "the API did not stop"
