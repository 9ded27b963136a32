"""`python -m launcher up`, as a person meets it."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.service import ROOT, listening
from tests.fixtures.services import RunningService, running_service

Finished = subprocess.CompletedProcess[str]


def launcher(*words: str, **environment: str) -> Finished:
    """Run the launcher with these words to its end."""
    return subprocess.run(
        [sys.executable, "-m", "launcher", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_first_start_shows_the_key_once_and_keeps_it_for_its_owner(tmp_path: Path):
    said = []
    for _ in range(2):
        with running_service(tmp_path / "data") as service:
            assert service.call("GET", "/v1/jobs").status_code == 200
            assert stat.S_IMODE(service.folder.key_file.stat().st_mode) == 0o600
        said.append((tmp_path / "data-launcher.log").read_text())
    assert (said[0].count(service.key), said[1].count(service.key)) == (1, 0)
    assert all(len(re.findall(r"^ready http://127\.0\.0\.1:\d+$", words, re.MULTILINE)) == 1 for words in said)


def test_a_second_service_on_the_same_folder_says_where_the_first_one_is(service: RunningService):
    second = launcher("up", "--port", "0", "--data-dir", str(service.data_dir))
    assert second.returncode == 1
    assert second.stderr.strip() == f"trainyard: a service is already running on {service.data_dir}: {service.url}"


def test_a_port_in_use_is_named(tmp_path: Path):
    with listening("127.0.0.1", 0) as other:
        port = str(other.getsockname()[1])
        refused = launcher("up", "--port", port, "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in refused.stderr


def test_the_network_is_not_served_before_there_is_a_key(tmp_path: Path):
    refused = launcher("up", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path))  # noqa: S104
    assert refused.returncode == 1
    assert "without an admin key" in refused.stderr
    assert not (tmp_path / "trainyard.sqlite3").exists()


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"TRAINYARD_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "database"),
        ({"TRAINYARD_SLOTS": "none"}, "TRAINYARD_SLOTS: Input should be a valid integer"),
    ],
)
def test_a_start_that_cannot_be_says_why_without_a_traceback(tmp_path: Path, environment: dict[str, str], named: str):
    refused = launcher("up", "--port", "0", "--data-dir", str(tmp_path), **environment)
    assert refused.returncode == 1
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_folder_name_too_long_for_a_socket_still_works(tmp_path: Path):
    with running_service(tmp_path / f"{'long ' * 20}data") as service:
        job = service.train({"data": {"dataset": "iris"}, "training": {"epochs": 1}})
    assert job["status"] == "succeeded"
