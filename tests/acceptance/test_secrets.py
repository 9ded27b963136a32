"""A whole service that is told to log everything: what is secret in its environment and its requests is in no file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.services import SECRETS, RunningService

SPEC = {"data": {"dataset": "iris"}, "training": {"epochs": 1}}


@pytest.fixture
def used(service: RunningService) -> Iterator[list[str]]:
    """Secrets that were made in the running service, and one job that met those of its worker."""
    key = service.call("POST", "/v1/keys", body={"name": "seen", "scopes": ["jobs:read"]}).json()
    hook = service.call("POST", "/v1/webhooks", body={"url": "https://hooks.invalid/x"}).json()
    assert service.call("GET", "/v1/jobs", key=key["key"]).status_code == 200
    assert service.call("GET", "/v1/jobs", key=key["key"][:-1]).status_code == 401
    job = service.train({**SPEC, "tracking": {"wandb": {"mode": "offline", "project": "secrets"}}})
    assert job["status"] == "succeeded", job["reason"]
    yield [service.key, key["key"], key["key"][:-1], hook["secret"]]
    service.call("DELETE", f"/v1/webhooks/{hook['id']}")
    service.call("DELETE", f"/v1/keys/{key['id']}")


def test_no_file_of_a_service_holds_a_secret_but_the_key_that_is_left_for_its_owner(
    service: RunningService, used: list[str]
):
    secrets = [secret.encode() for secret in (*used, *SECRETS.values())]
    files = [path for path in service.data_dir.rglob("*") if path.is_file() and "sqlite3" not in path.name]
    assert [path for path in files if path.suffix == ".log"]
    assert [path.name for path in files if _holds(path, secrets)] == ["admin.key"]


def _holds(path: Path, secrets: list[bytes]) -> bool:
    content = path.read_bytes()
    return any(secret in content for secret in secrets)
