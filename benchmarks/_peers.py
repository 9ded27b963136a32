"""Other people's software to measure ours against, each in a virtual environment of its own.

`peers/NAME.txt` pins what is installed, `peers/SCRIPT.py` is what its Python runs. A script either prints JSON lines
and ends (`lines`), or does one thing at a time as it is told (`Peer`), so that ours and theirs can take turns.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

ROOT = Path(__file__).parents[1]
PEERS = Path(__file__).parent / "peers"
HOME = ROOT / ".trainyard" / "benchmarks"
_PATIENCE_SECONDS = 900.0


class PeerFailed(Exception):
    """A peer could not be installed, or has not answered as it should."""


def python(name: str, *, shares_packages: bool = False) -> Path:
    """The Python in which what `peers/NAME.txt` pins is installed; installs it first where that changed.

    With `shares_packages` it also sees the packages of the Python that runs this, behind its own: a peer that needs
    torch then computes with the same one, and it is not fetched twice.
    """
    requirements = (PEERS / f"{name}.txt").read_text()
    folder = HOME / name
    folder.mkdir(parents=True, exist_ok=True)
    found = folder / "venv" / "bin" / "python"
    wanted = hashlib.sha256(f"{requirements}\n{sys.version}\n{shares_packages}".encode()).hexdigest()
    stamp = folder / "installed"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (found.exists() and stamp.exists() and stamp.read_text() == wanted):
            print(f"installing {name} into {folder.relative_to(ROOT)} ...", file=sys.stderr)
            stamp.unlink(missing_ok=True)
            _install(name, folder, found, shares_packages=shares_packages)
            stamp.write_text(wanted)
    return found


def lines(
    name: str,
    script: str,
    *arguments: str,
    shares_packages: bool = False,
    environment: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Run `peers/SCRIPT.py` to its end; answers the JSON objects among the lines that it prints."""
    command = [str(python(name, shares_packages=shares_packages)), str(PEERS / f"{script}.py"), *arguments]
    with (HOME / name / "log").open("a") as log:
        ran = subprocess.run(
            command,
            env=_environment(environment),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    if ran.returncode != 0:
        raise PeerFailed(f"{script} of {name} ended with {ran.returncode}: {_last_words(name)}")
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]


class Peer:
    """`peers/SCRIPT.py` as a process that does what each `ask` says; the script's side is `peers/_answering.py`."""

    def __init__(
        self,
        name: str,
        script: str,
        *arguments: str,
        shares_packages: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Install what is missing and start the process; it is not waited for."""
        self._name, self._script = name, script
        interpreter = python(name, shares_packages=shares_packages)
        self._log = (HOME / name / "log").open("a")
        self._process = subprocess.Popen(
            [str(interpreter), str(PEERS / f"{script}.py"), *arguments],
            env=_environment(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def ask(self, what: str, **details: Any) -> dict[str, Any]:
        """Have the script do `what`; answers what it found. Raises PeerFailed where it is gone or takes too long."""
        with self._killed_when_late():
            try:
                _told(self._process.stdin).write(json.dumps({"what": what, **details}) + "\n")
                _told(self._process.stdin).flush()
                line = _told(self._process.stdout).readline()
            except BrokenPipeError:
                line = ""
        if not line:
            raise PeerFailed(f"{self._script} of {self._name} did not do {what}: {_last_words(self._name)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def close(self) -> None:
        """Let it end by itself, and see that it has."""
        with self._killed_when_late():
            _told(self._process.stdin).close()
            self._process.wait()
        _told(self._process.stdout).close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _killed_when_late(self) -> Iterator[None]:
        timer = threading.Timer(_PATIENCE_SECONDS, self._process.kill)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _told(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _install(name: str, folder: Path, interpreter: Path, *, shares_packages: bool) -> None:
    _run(name, [sys.executable, "-m", "venv", "--clear", str(folder / "venv")])
    if shares_packages:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        link = folder / "venv" / "lib" / version / "site-packages" / "shared.pth"
        link.write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    pins = str(PEERS / f"{name}.txt")
    _run(name, [str(interpreter), "-m", "pip", "install", "--progress-bar", "off", "-r", pins])


def _run(name: str, command: Sequence[str]) -> None:
    with (HOME / name / "log").open("a") as log:
        if subprocess.run(command, stdout=log, stderr=log, check=False).returncode != 0:
            raise PeerFailed(f"{name} could not be installed: {_last_words(name)}")


def _environment(added: Mapping[str, str] | None) -> dict[str, str]:
    """What a peer sees: as this process, without what pytest or our service read."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRAINYARD_", "PYTHONPATH"))}
    return {**kept, **(added or {})}


def _last_words(name: str) -> str:
    return " / ".join((HOME / name / "log").read_text(errors="replace").splitlines()[-3:])
