"""`./run`: plain POSIX shell, quick when there is nothing to do, and clear when something is missing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from launcher.service import ROOT

FAKE_PYTHON = """#!/bin/sh
printf '%s\\n' "$*" >> "{calls}"
case "$*" in
*"install"*) exit {install_status} ;;
esac
"""


class House:
    """A copy of the script and of what it reads, in a folder with a space, with a Python that only takes notes."""

    def __init__(self, folder: Path, *, install_status: int = 0) -> None:
        self.root = folder / "a house"
        (self.root / "client").mkdir(parents=True)
        for name in ("run", "pyproject.toml", "constraints.txt", "client/pyproject.toml"):
            shutil.copy(ROOT / name, self.root / name)
        self.calls = folder / "calls"
        python = self.root / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(FAKE_PYTHON.format(calls=self.calls, install_status=install_status))
        python.chmod(0o755)

    def run(self, *words: str, shell: str = "sh", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [shell, str(self.root / "run"), *words],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def called(self, *marks: str) -> int:
        """How often Python was called with all these words."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        return sum(all(mark in line for mark in marks) for line in lines)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.mark.parametrize("word", ["help", "--help", "-h"])
def test_help_names_every_command(house: House, word: str):
    told = house.run(word)
    assert told.returncode == 0
    assert all(f"\n  {command}" in told.stdout for command in ("demo", "up", "test", "check", "bench", "help"))


def test_a_word_it_does_not_know_is_answered_with_help(house: House):
    refused = house.run("fly")
    assert refused.returncode == 2
    assert "usage: ./run" in refused.stderr


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_first_run_installs_and_the_second_does_not(house: House, shell: str):
    for _ in range(2):
        assert house.run("up", "--port", "0", shell=shell).returncode == 0
    assert house.called("-m pip install --progress-bar") == 1
    assert house.called("-m launcher up --port 0") == 2


def test_a_changed_constraint_installs_again(house: House):
    house.run("up")
    (house.root / "constraints.txt").write_text("torch==2.13.0\n")
    house.run("up")
    assert house.called("-m pip install --progress-bar") == 2


def test_tests_need_more_than_the_service_and_the_service_no_less_after_them(house: House):
    house.run("up")
    house.run("test", CHROMIUM="true")
    house.run("up")
    assert house.called("-m pip install", "-e .[worker,embedded]") == 1
    assert house.called("-m pip install", "-e .[worker,embedded,test]") == 1


def test_a_failed_installation_says_where_the_story_is_and_is_tried_again(tmp_path: Path):
    house = House(tmp_path, install_status=1)
    for _ in range(2):
        failed = house.run("up")
        assert failed.returncode == 1
        assert str(house.root / ".trainyard" / "setup.log") in failed.stderr
    assert house.called("-m launcher") == 0
    assert house.called("-e ./client") == 2


def test_words_for_pytest_reach_it_unbroken(house: House):
    house.run("test", "-k", "one and two", CHROMIUM="true")
    assert house.called("-m pytest -m not nightly -k one and two") == 1


def test_the_whole_suite_runs_on_all_cores_a_file_to_a_process(house: House):
    house.run("test", CHROMIUM="true")
    assert house.called("-m pytest -m not nightly -n ", "--dist loadfile --no-loadscope-reorder") == 1


def test_the_nightly_tests_are_run_on_request(house: House):
    house.run("test", "--nightly", "-x", CHROMIUM="true")
    assert house.called("-m pytest -m nightly or not nightly -x") == 1


def test_a_machine_without_a_fitting_python_is_told_what_to_install(house: House, tmp_path: Path):
    shutil.rmtree(house.root / ".venv")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "mkdir", "id", "sed", "cat", "cksum"):
        (tools / name).symlink_to(shutil.which(name) or name)
    (tools / "python3").write_text('#!/bin/sh\n[ "$1" != --version ] || echo Python 3.10.12\nexit 1\n')
    (tools / "python3").chmod(0o755)
    refused = house.run("demo", shell=str(tools / "sh"), PATH=str(tools))
    assert refused.returncode == 1
    assert "needs Python 3.11 or newer and found Python 3.10.12" in refused.stderr


def test_an_unknown_benchmark_is_answered_with_those_there_are(house: House):
    (house.root / "benchmarks").mkdir()
    (house.root / "benchmarks" / "start.py").touch()
    refused = house.run("bench", "nothing")
    assert refused.returncode == 1
    assert "  start\n" in refused.stderr
    assert "there is no benchmark called nothing" in refused.stderr
