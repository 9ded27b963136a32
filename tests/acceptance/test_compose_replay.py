"""docker-compose.yml without an engine: its services run as processes here, and a job is trained through them."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from launcher import processes
from models.settings import Settings
from tests.acceptance.containers import Replay, compose, stage
from tests.fixtures.brokers import redis_or_valkey_server, wait_until_it_answers
from tests.fixtures.postgresql import Server
from tests.fixtures.waiting import free_port, wait_for

SECRETS = {"POSTGRES_PASSWORD": "postgres-secret", "REDIS_PASSWORD": "redis-secret"}
OURS = ("migrate", "api", "worker", "worker-gpu")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(compose(**SECRETS)["services"])


@pytest.fixture(scope="module")
def replays(
    services: dict[str, Any], postgresql_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Replay]]:
    """The services of the compose file, with what stands here for the names that hold only inside."""
    folder, database = tmp_path_factory.mktemp("compose"), postgresql_server.create()
    api_port, redis_port = str(free_port()), str(free_port())
    places = {
        f"postgresql://trainyard:{SECRETS['POSTGRES_PASSWORD']}@postgres:5432/trainyard": database,
        "@redis:6379": f"@127.0.0.1:{redis_port}",
        "127.0.0.1:8000": f"127.0.0.1:{api_port}",
        "0.0.0.0": "127.0.0.1",  # noqa: S104  replaced, not bound
        "8000": api_port,
        "/data": str(folder / "data"),
    }
    yield {name: Replay(name, service, places, folder) for name, service in services.items()}
    postgresql_server.drop(database)


def test_a_job_is_trained_through_the_services_as_they_are_written_down(replays: dict[str, Replay]):
    api, worker = replays["api"], replays["worker"]
    redis_port = int(re.findall(r"redis://.*:(\d+)/0", api.environment()["TRAINYARD_BROKER_URL"])[0])
    with ExitStack() as stack:
        start_redis(stack, replays["redis"], redis_port)
        key = re.findall(r"ty_\w+", replays["migrate"].run())[0]
        assert "ty_" not in replays["migrate"].run()
        for service in (api, worker):
            stack.callback(processes.stop, service.start(), grace_seconds=60)
        for service in (api, worker):
            service.wait_until_healthy()
        job = train(f"http://{api.places['127.0.0.1:8000']}", key)
    assert job["status"] == "succeeded", worker.log.read_text()[-4000:]
    assert job["result"]["test"]["accuracy"] > 0.5


def start_redis(stack: ExitStack, redis: Replay, port: int) -> None:
    """Run the compose file's Redis on a port of this machine."""
    _, *words = redis.command()
    (redis.folder / "redis").mkdir()
    command = [redis_or_valkey_server(), *words, "--port", str(port), "--dir", str(redis.folder / "redis")]
    stack.callback(processes.stop, processes.spawn(command, log=redis.log))
    wait_until_it_answers(port, password=SECRETS["REDIS_PASSWORD"])


def train(url: str, key: str) -> dict[str, Any]:
    with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
        spec = {"data": {"dataset": "iris"}, "training": {"epochs": 5}}
        path = f"/v1/jobs/{http.post('/v1/jobs', json=spec).raise_for_status().json()['id']}"

        def ended() -> dict[str, Any] | None:
            job = http.get(path).raise_for_status().json()
            return job if job["status"] in {"succeeded", "failed"} else None

        return dict(wait_for(ended, "the job to end", timeout_seconds=90) or {})


def test_the_databases_health_is_asked_with_a_command_that_answers(
    replays: dict[str, Replay], postgresql_server: Server
):
    words = replays["postgres"].health_command()
    words[0] = str(postgresql_server.tool("pg_isready"))
    asked = subprocess.run(words, env={**os.environ, **postgresql_server.address()}, capture_output=True, check=False)
    assert asked.returncode == 0, asked.stdout


def test_only_the_api_is_reachable_and_only_from_this_machine(services: dict[str, Any]):
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:8000:8000"]}
    assert compose(**SECRETS)["networks"]["inside"] == {"internal": True}
    assert [name for name, service in services.items() if "outside" in service["networks"]] == ["api"]


def test_the_secrets_have_no_default():
    with pytest.raises(KeyError, match="POSTGRES_PASSWORD"):
        compose(REDIS_PASSWORD="set")
    with pytest.raises(KeyError, match="REDIS_PASSWORD"):
        compose(POSTGRES_PASSWORD="set")


def test_our_containers_have_no_more_rights_than_they_need(services: dict[str, Any]):
    for name in OURS:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    assert all("no-new-privileges:true" in service["security_opt"] for service in services.values())
    for target in ("api", "worker"):
        assert re.search(r"^USER 10001:10001$", stage(target), re.MULTILINE)


def test_every_image_is_pinned(services: dict[str, Any]):
    foreign = [service["image"] for service in services.values() if "build" not in service]
    dockerfile = [line.split()[1] for line in (stage_lines()) if line.startswith("FROM ") and ":" in line]
    assert len(foreign) == 2
    assert len(dockerfile) == 1
    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?-[a-z-]+", image) for image in [*foreign, *dockerfile])


def stage_lines() -> list[str]:
    return (Path(__file__).resolve().parents[2] / "Dockerfile").read_text().splitlines()


def test_nothing_starts_before_what_it_needs(services: dict[str, Any]):
    for name in ("api", "worker", "worker-gpu"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}


def test_gpus_are_reserved_by_the_gpu_profile_alone(services: dict[str, Any]):
    reserving = {name for name, service in services.items() if "deploy" in service}
    assert reserving == {"worker-gpu"}
    assert services["worker-gpu"]["profiles"] == ["gpu"]
    (device,) = services["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_a_stopping_worker_has_time_to_drain(services: dict[str, Any]):
    grace_seconds = int(services["worker"]["stop_grace_period"].removesuffix("s"))
    defaults = Settings()
    assert grace_seconds >= defaults.drain_seconds + defaults.stop_grace_seconds
