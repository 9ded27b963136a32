"""The examples of the interface's description, from the answers of services that really run."""

import socket
from pathlib import Path

from api.main import create_app
from models.settings import Settings
from tests.fixtures.receivers import receiving
from tests.fixtures.services import running_service
from tests.recording.refusals import refuse
from tests.recording.tape import Tape
from tests.recording.walk import Walk

HOOK = "https://example.com/hooks/training"


def record(folder: Path) -> bytes:
    """The content of `api/examples.json`; `folder` is where the services keep their data meanwhile."""
    with receiving() as receiver:
        neutral = {str(folder): "/data", receiver.url: HOOK, socket.gethostname(): "trainer-1"}
        tape = Tape(create_app(Settings()).openapi(), neutral=neutral)
        settings = {"TRAINYARD_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8", "TRAINYARD_LOG_LEVEL": "warning"}
        with running_service(folder / "service", **settings) as service:
            Walk(service, tape, receiver).whole()
    refuse(tape, folder / "refusing")
    return tape.written()
