"""README.md walked to the letter: its commands are taken from the page and typed into a shell."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from launcher.service import ROOT
from tests.fixtures.services import RunningService, clean_environment

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUM_ROWS = 400


def people(path: Path) -> None:
    """A table in the shape of UCI Adult, which the page uses as its example; income follows age and hours."""
    dice = random.Random(7)
    with path.open("w") as file:
        for _ in range(NUM_ROWS):
            age, hours = dice.randint(18, 80), dice.randint(10, 60)
            job = dice.choice(["Private", "State-gov", "?"])
            income = "<=50K" if age + hours < 90 else ">50K"
            file.write(f"{age}, {job}, {dice.randint(10_000, 900_000)}, HS-grad, 9, Divorced, Sales, Husband, White, ")
            file.write(f"Male, 0, 0, {hours}, United-States, {income}\n")


@pytest.fixture(scope="module")
def walked(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the shell said, and the folder it was in."""
    folder = tmp_path_factory.mktemp("readme")
    people(folder / "adult-train.csv")
    (folder / ".trainyard").mkdir()
    (folder / ".trainyard" / "admin.key").write_text(service.key)
    (folder / ".venv" / "bin").mkdir(parents=True)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    blocks = [block for block in BLOCK.findall((ROOT / "README.md").read_text()) if "./run" not in block]
    script = "\n".join(["set -eu", *blocks]).replace("http://127.0.0.1:8000", service.url)
    environment = {**clean_environment(), "PATH": f"{Path(sys.executable).parent}:{clean_environment()['PATH']}"}
    walk = subprocess.run(
        ["sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert walk.returncode == 0, walk.stdout + walk.stderr
    return walk.stdout, folder


def test_nothing_on_the_walk_is_refused(walked: tuple[str, Path]):
    assert re.findall(r'"type": ?"[^"]*problem[^"]*"|"status": ?4\d\d', walked[0]) == []


def test_the_job_that_the_page_describes_succeeds(walked: tuple[str, Path], service: RunningService):
    (job,) = service.call("GET", "/v1/jobs?label.team=readme").json()["data"]
    assert job["status"] == "succeeded"
    assert job["result"]["test"]["accuracy"] > 0.6
    assert json.dumps(job["id"]) in walked[0]


def test_its_stream_ends_with_the_job(walked: tuple[str, Path]):
    assert "event: job.succeeded" in walked[0]
    assert "event: end" in walked[0]


def test_the_weights_open_without_anything_of_ours(walked: tuple[str, Path]):
    names = load_file(walked[1] / "weights.safetensors").keys()
    assert names
    assert all(name in walked[0] for name in names)
