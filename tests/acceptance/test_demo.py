"""`demo`, as a person meets it: the first thing that anybody runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.folder import DataFolder
from launcher.service import ROOT
from tests.fixtures.services import RunningService, clean_environment


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "launcher", "demo", "--data-dir", str(folder)],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """The demonstration, run once on an empty folder."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    return demo(folder), folder


def test_it_exits_0(finished):
    assert finished[0].returncode == 0, finished[0].stdout + finished[0].stderr


def test_it_trains_a_network_that_reads_digits(finished):
    accuracy = re.search(r"this network +[0-9.]+ +([0-9.]+)", finished[0].stdout)
    assert accuracy is not None, finished[0].stdout
    assert float(accuracy[1]) >= 0.97


def test_it_shows_loss_and_accuracy_while_it_trains(finished):
    before_the_end = finished[0].stdout.partition("succeeded")[0]
    assert len(re.findall("loss", before_the_end)) >= 3
    assert "accuracy" in before_the_end


def test_it_says_where_the_dashboard_is_and_what_to_do_next(finished):
    assert re.search(r"dashboard http://127\.0\.0\.1:\d+", finished[0].stdout)
    assert "admin.key" in finished[0].stdout
    assert "./run up" in finished[0].stdout


def test_it_leaves_nothing_running(finished):
    assert DataFolder.at(finished[1]).running() is None


def test_it_uses_a_service_that_is_running_already_and_leaves_it_running(service: RunningService):
    shown = demo(service.data_dir)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert f"dashboard {service.url}" in shown.stdout
    assert service.call("GET", "/readyz", key=None).status_code == 200
