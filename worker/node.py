"""Who this worker is and what it has: an identity that outlives restarts, its devices, its versions, its load."""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import platform
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any, Final

import psutil

from models.identifiers import new_id

_VERSIONS_OF: Final = ("trainyard-service", "torch", "celery")
_QUERY_SECONDS: Final = 10.0
#: What is asked with every heartbeat must not hold it up: a driver that hangs is not waited for.
_LOAD_SECONDS: Final = 2.0
_LOAD: Final = "uuid,name,utilization.gpu,memory.used,memory.total,temperature.gpu"
#: What the driver's columns behind uuid and name become, and in which unit of ours.
_FIGURES: Final = (
    ("utilisation_percent", 1),
    ("memory_used_bytes", 1 << 20),
    ("memory_total_bytes", 1 << 20),
    ("temperature_celsius", 1),
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Which worker this is. `worker_id` is new with every start; `node` and `name` stay as long as the data folder."""

    worker_id: str
    node: str
    name: str
    lock: IO[str]  # held as long as this process lives, so that an earlier life is known to be over

    def release(self) -> None:
        """Let another worker take this identity."""
        self.lock.close()


@dataclass(frozen=True, slots=True)
class Device:
    """What a slot trains on. `environment` makes its trainers see this device alone."""

    kind: str
    name: str
    memory_bytes: int
    environment: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """The device as the API shows it."""
        return {"type": self.kind, "name": self.name, "memory_bytes": self.memory_bytes}


def identify(folder: Path) -> Identity:
    """Take the first identity in this folder that no living worker has taken, or make a new one."""
    folder.mkdir(parents=True, exist_ok=True)
    return next(taken for number in count() if (taken := _take(folder / f"{number}.json", number)) is not None)


def _take(path: Path, number: int) -> Identity | None:
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    file.seek(0)
    known = _read(file.read())
    if known is None:
        known = {"node": secrets.token_hex(8), "name": f"{socket.gethostname()}-{number}"}
        file.truncate(0)
        file.write(json.dumps(known))
        file.flush()
    return Identity(new_id("wrk"), known["node"], known["name"], file)


def _read(text: str) -> dict[str, str] | None:
    """The identity in a file; None in a new one, or in one whose writing was cut short."""
    try:
        known = json.loads(text)
    except ValueError:
        return None
    return known if isinstance(known, dict) and {"node", "name"} <= known.keys() else None


def devices(environment: Mapping[str, str] = os.environ) -> list[Device]:
    """The CUDA devices that this process may use, else the CPU. Asks the driver's own tool: torch is not imported."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    chosen = None if visible is None else [word.strip() for word in visible.split(",") if word.strip()]
    if chosen == [] or chosen == ["-1"] or _torch_is_without_cuda():
        return [_cpu()]
    return list(_gpus(chosen)) or [_cpu()]


def _cpu() -> Device:
    memory = psutil.virtual_memory().total
    return Device("cpu", platform.processor() or platform.machine(), memory, {"CUDA_VISIBLE_DEVICES": ""})


def _torch_is_without_cuda() -> bool:
    try:
        return importlib.metadata.version("torch").endswith("+cpu")
    except importlib.metadata.PackageNotFoundError:
        return True


def _gpus(chosen: list[str] | None) -> Iterator[Device]:
    for row in _ask_driver("index,uuid,name,memory.total"):
        index, uuid, name, mebibytes = row
        if chosen is None or index in chosen or uuid in chosen:
            yield Device("cuda", name, int(mebibytes) << 20, {"CUDA_VISIBLE_DEVICES": uuid})


def _ask_driver(columns: str, *, seconds: float = _QUERY_SECONDS) -> list[list[str]]:
    """One row per GPU; none where there is no driver or it does not answer."""
    if (tool := shutil.which("nvidia-smi")) is None:
        return []
    command = [tool, f"--query-gpu={columns}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [[word.strip() for word in line.split(",")] for line in answer.stdout.splitlines() if line.strip()]


def versions() -> dict[str, str]:
    """What runs here."""
    found = {"python": platform.python_version()}
    for name in _VERSIONS_OF:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def utilisation(devices: Sequence[Device] = ()) -> dict[str, Any]:
    """How busy the machine is since the last call, in percent; the memory of this worker's processes; and its GPUs."""
    said: dict[str, Any] = {
        "cpu_percent": psutil.cpu_percent(),
        "memory_percent": psutil.virtual_memory().percent,
        "processes_memory_bytes": _resident_bytes(),
    }
    mine = {device.environment["CUDA_VISIBLE_DEVICES"] for device in devices if device.kind == "cuda"}
    if mine:
        said["gpus"] = [_load(row) for row in _ask_driver(_LOAD, seconds=_LOAD_SECONDS) if row[0] in mine]
    return said


def _resident_bytes() -> int:
    """Of this process and all below it; pages that forks share count for each."""
    total = 0
    this = psutil.Process()
    for process in (this, *this.children(recursive=True)):
        with suppress(psutil.Error):  # gone meanwhile
            total += int(process.memory_info().rss)
    return total


def _load(row: Sequence[str]) -> dict[str, Any]:
    """One GPU; what its driver does not tell is left out."""
    uuid, name, *figures = row
    told = {}
    for (figure, scale), text in zip(_FIGURES, figures, strict=False):
        with suppress(ValueError):  # [N/A]
            told[figure] = float(text) * scale
    return {"uuid": uuid, "name": name, **told}


def num_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
