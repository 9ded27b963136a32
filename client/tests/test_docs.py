"""docs/client.md and docs/cli.md hold what they promise: every command is explained, every snippet runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

import trainyard
from tests.fixtures.services import RunningService
from trainyard.cli import app
from trainyard.cli.session import ExitCode

DOCS = Path(__file__).resolve().parents[2] / "docs"


def commands(command, path: str = "trainyard") -> Iterator[tuple[str, object]]:
    """Every command that does something, by the words it is called with."""
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from commands(child, f"{path} {name}")


def snippets(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def test_every_command_has_a_heading_and_every_heading_a_command():
    headings = re.findall(r"^## (trainyard .*)$", (DOCS / "cli.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(headings) == sorted(path for path, _ in commands(get_command(app)))


def test_every_option_is_named_on_the_page():
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    options = {
        option
        for _, command in commands(get_command(app))
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    assert {option for option in options if option not in page} == set()


def test_every_exit_status_is_in_the_table():
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d+) \|", page, flags=re.MULTILINE) == [str(int(code)) for code in ExitCode]


def test_every_error_is_in_the_table():
    page = (DOCS / "client.md").read_text(encoding="utf-8")
    errors = {
        name
        for name in trainyard.__all__
        if isinstance(value := getattr(trainyard, name), type) and issubclass(value, trainyard.TrainyardError)
    }
    assert {name for name in errors if f"`{name}`" not in page} == set()


@pytest.fixture
def environment(service: RunningService, tmp_path: Path) -> dict[str, str]:
    """What a person has set who works with the running service; `trainyard` is on the path."""
    command = tmp_path / "bin" / "trainyard"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m trainyard "$@"\n')
    command.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{command.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(trainyard.__file__).parents[1]),
        "TRAINYARD_URL": service.url,
        "TRAINYARD_API_KEY": service.key,
    }


def ran(command: list[str], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=280, check=False
    )


def test_the_snippets_of_the_client_page_run(environment, tmp_path):
    program = "\n".join(snippets("client.md", "python"))
    done = ran([sys.executable, "-W", "error", "-c", program], environment, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "#/network/hiden" in done.stdout
    assert (tmp_path / "weights" / "weights.safetensors").stat().st_size > 0


def test_the_snippets_of_the_command_line_page_run(environment, tmp_path):
    done = ran(["sh", "-eux", "-c", "\n".join(snippets("cli.md", "sh"))], environment, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "weights" / "weights.safetensors").stat().st_size > 0
    assert (tmp_path / "loss.csv").read_text().startswith("step,time,value,min,max,count\n")
