"""The dashboard in a real browser, on the real API, with jobs whose worker is played by the test."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page

from api.main import create_app
from models.artifacts import open_store
from models.database import Database
from models.settings import Settings
from tests.api.dashboard.yard import Yard
from tests.fixtures.waiting import wait_for

FAILED_REQUESTS = (
    "Failed to load resource: the server responded with a status of 4",
    "Failed to load resource: net::",
)


@pytest.fixture(scope="module")
def yard(migrated_sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("yard")
    database_url = f"sqlite:///{shutil.copy(migrated_sqlite_file, folder / 'trainyard.db')}"
    settings = Settings(data_dir=folder, database_url=database_url, broker_url="redis://127.0.0.1:1/0")
    config = uvicorn.Config(
        create_app(settings), port=0, log_level="error", lifespan="on", timeout_graceful_shutdown=1, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="api")
    thread.start()
    wait_for(lambda: server.started, "the API to listen")
    port = server.servers[0].sockets[0].getsockname()[1]

    def cut() -> None:
        for connection in list(server.server_state.connections):
            server.servers[0].get_loop().call_soon_threadsafe(connection.transport.abort)

    database = Database(database_url)
    opened = Yard(f"http://127.0.0.1:{port}", database, open_store(settings.artifacts), cut)
    yield opened
    opened.http.close()
    database.close()
    server.should_exit = True
    thread.join(timeout=20)
    assert not thread.is_alive()


@pytest.fixture
def forgiving_page(browser: Browser) -> Iterator[Page]:
    """A fresh page for tests that make a request fail on purpose, which the browser logs as an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    fresh = context.new_page()
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(FAILED_REQUESTS):
            errors.append(message.text)

    fresh.on("console", note)
    fresh.on("pageerror", lambda error: errors.append(str(error)))
    yield fresh
    context.close()
    assert errors == [], "the browser's console shows errors"


SignIn = Callable[..., None]


@pytest.fixture
def sign_in(yard: Yard) -> SignIn:
    """A function that opens a room of the dashboard in a tab that already holds the key."""

    def open_room(page: Page, room: str = "#/") -> None:
        page.add_init_script(f"sessionStorage.setItem('trainyard.key', '{yard.key}')")
        page.goto(f"{yard.url}/{room}")

    return open_room
