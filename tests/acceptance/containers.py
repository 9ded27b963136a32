"""docker-compose.yml and the Dockerfile as data, and their commands as processes of this machine."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from launcher import processes
from launcher.service import ROOT
from tests.fixtures.services import clean_environment
from tests.fixtures.waiting import wait_for

VARIABLE = re.compile(r"\$\{(\w+)(?::\?[^}]*)?\}")
STAGE = re.compile(r"^FROM \S+ AS (\w+)$", re.MULTILINE)
TOOLS = {"python": [], "celery": ["-m", "celery"], "uvicorn": ["-m", "uvicorn"]}


def compose(**variables: str) -> dict[str, Any]:
    """The compose file with these variables filled in. Raises KeyError for one that is missing."""
    text = (ROOT / "docker-compose.yml").read_text()
    return dict(yaml.safe_load(VARIABLE.sub(lambda found: variables[found[1]], text)))


def stage(target: str) -> str:
    """The part of the Dockerfile that makes the image `target`."""
    parts = STAGE.split((ROOT / "Dockerfile").read_text())
    return dict(zip(parts[1::2], parts[2::2], strict=True))[target]


def image_command(target: str) -> list[str]:
    """What the image runs by itself."""
    return words_after("\nCMD ", target)


def image_health_command(target: str) -> list[str]:
    """How the image's health is asked."""
    return words_after(" CMD ", target)


def words_after(mark: str, target: str) -> list[str]:
    found = next(line for line in stage(target).replace(mark, "\n@").splitlines() if line.startswith("@"))
    return [str(word) for word in json.loads(found.removeprefix("@"))]


@dataclass(frozen=True)
class Replay:
    """One service of the compose file, run here instead of in its container.

    `places` says what stands here for the names that hold only inside: host:port, folders.
    """

    name: str
    service: Mapping[str, Any]
    places: Mapping[str, str]
    folder: Path

    @property
    def target(self) -> str:
        """The Dockerfile stage of the service's image."""
        return str(self.service["build"]["target"])

    def command(self) -> list[str]:
        """What the container runs."""
        return self._here(self.service.get("command") or image_command(self.target))

    def health_command(self) -> list[str]:
        """How the container's health is asked."""
        test = self.service.get("healthcheck", {}).get("test")
        return self._here(test[1:] if test else image_health_command(self.target))

    def environment(self) -> dict[str, str]:
        """The container's environment, on top of what a process of this machine needs."""
        given = {name: self._place(str(value)) for name, value in self.service.get("environment", {}).items()}
        base = {
            "PYTHONPATH": str(self.image()),
            "TRAINYARD_DATA_DIR": str(self.folder / "data"),
            "HOME": str(self.folder),
        }
        return {**clean_environment(), **base, **given}

    def image(self) -> Path:
        """A folder with the code that the image holds, and no more."""
        app = self.folder / f"image-{self.target}"
        if app.exists():
            return app
        for name in re.findall(r"^COPY (\w+) \1$", stage(self.target), re.MULTILINE):
            shutil.copytree(ROOT / name, app / name, ignore=shutil.ignore_patterns("__pycache__"))
        return app

    def start(self) -> subprocess.Popen[bytes]:
        """Start the service."""
        return processes.spawn(self.command(), log=self.log, environment=self.environment(), directory=self.image())

    def run(self) -> str:
        """Run a one-shot service to its end and return what it said."""
        finished = subprocess.run(
            self.command(),
            cwd=self.image(),
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def wait_until_healthy(self) -> None:
        """Ask for the service's health the way the container would; fails the test after a minute."""
        wait_for(self._is_healthy, f"{self.name} to be healthy", timeout_seconds=60, pause_seconds=0.2)

    @property
    def log(self) -> Path:
        """Where the service writes."""
        return self.folder / f"{self.name}.log"

    def _is_healthy(self) -> bool:
        asked = subprocess.run(
            self.health_command(),
            cwd=self.image(),
            env=self.environment(),
            capture_output=True,
            timeout=30,
            check=False,
        )
        return asked.returncode == 0

    def _here(self, words: list[str]) -> list[str]:
        program, *rest = words
        here = [sys.executable, *TOOLS[program]] if program in TOOLS else [program]
        return [*here, *map(self._place, rest)]

    def _place(self, text: str) -> str:
        for inside, here in self.places.items():
            text = text.replace(inside, here)
        return text
