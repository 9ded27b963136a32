"""examples/integrate.py, run as written against a running service."""

import subprocess
import sys
from pathlib import Path

import pytest

from launcher.service import ROOT
from tests.fixtures.services import clean_environment, running_service


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("integration") / "yard"
    with running_service(folder, TRAINYARD_WEBHOOK_ALLOWED_NETWORKS="127.0.0.0/8") as service:
        command = [sys.executable, ROOT / "examples/integrate.py", service.url, service.key]
        run = subprocess.run(
            command, env=clean_environment(), capture_output=True, text=True, timeout=120, check=False, cwd=folder
        )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_the_job_succeeds_and_every_event_of_it_arrives_verified(said: str):
    assert "succeeded {'loss': " in said
    heard = next(line for line in said.splitlines() if line.startswith("heard"))
    assert "'job.queued', 'job.running'" in heard
    assert heard.endswith("'job.succeeded']")


def test_the_weights_are_fetched_and_the_network_predicts(said: str):
    assert "weights " in said
    assert "{'label': 'setosa', 'probabilities': {'setosa': 0." in said
