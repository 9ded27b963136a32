"""What the API's process loads: nothing that only workers, other databases or rare requests need."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.database import Database
from models.settings import Settings
from tests.api.conftest import make_key

_ROOT = Path(__file__).parents[2]
#: What each is for, so that whoever finds it loaded knows what to look for.
HEAVY = {
    "torch": "training",
    "numpy": "metrics",
    "pyarrow": "tables",
    "PIL": "images",
    "sklearn": "baselines",
    "httpx2": "webhooks and imports",
    "boto3": "object stores",
}
_SERVE = """
import asyncio, json, sys
from api.main import create_app

async def ask(app, method, path, key, body=b""):
    answer = []
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}
    async def send(message):
        answer.append(message)
    names = {"host": "127.0.0.1", "authorization": f"Bearer {key}", "content-type": "application/json"}
    headers = [(name.encode(), value.encode()) for name, value in names.items()]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path}
    scope |= {"raw_path": path.encode(), "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1)}
    await app({**scope, "server": ("127.0.0.1", 80), "scheme": "http"}, receive, send)
    return answer[0]["status"]

async def serve(key):
    app = create_app()
    async with app.router.lifespan_context(app):
        spec = json.dumps({"data": {"dataset": "digits"}}).encode()
        statuses = [await ask(app, "POST", "/v1/jobs", key, spec), await ask(app, "GET", "/v1/jobs", key)]
    print(json.dumps([statuses, sorted(sys.modules)]))

asyncio.run(serve(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules of a fresh process on SQLite that has stored a job and listed it."""
    from launcher.preparation import prepare

    settings = Settings(data_dir=tmp_path_factory.mktemp("yard"))
    prepare(settings.database)
    database = Database(settings.database)
    environment = {**os.environ, "TRAINYARD_DATA_DIR": str(settings.data_dir), "TRAINYARD_LOG_LEVEL": "error"}
    command = [sys.executable, "-c", _SERVE, make_key(database, "admin")]
    ran = subprocess.run(command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    database.close()
    statuses, modules = json.loads(ran.stdout.splitlines()[-1])
    assert statuses == [201, 200]
    return set(modules)


@pytest.mark.parametrize("name", HEAVY)
def test_a_process_that_serves_jobs_has_not_loaded(name: str, loaded: set[str]):
    assert name not in loaded, f"{name} is for {HEAVY[name]}: import it where that happens"


def test_the_driver_of_another_database_is_not_loaded(loaded: set[str]):
    assert "psycopg" not in loaded
    assert "sqlalchemy" in loaded
