"""The child process of a dry run: a job's first steps for real, measured, and nothing kept.

It is forked from the same template as trainers, trains by the same function in a temporary folder until it has taken
`STEPS` steps, writes the checkpoint that a pause would, says what it found, and ends.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from models import spec
from models.spec import JobSpec, document
from worker.failures import explain
from worker.messages import Frame
from worker.orders import Channel
from worker.trainer import read
from worker.training import Callback, Order, Progress, SavedCheckpoint, train
from worker.training.range_test import at_rate, usual_rate

#: The first step pays for what happens once; the others tell how long one takes.
STEPS: Final = 4
#: With slow steps one is enough.
_ENOUGH_SECONDS: Final = 5.0
_NICENESS: Final = 5
_FIRST_TO_BE_KILLED: Final = "500"
#: Scoring a row is the forward third of a step.
_SCORING_SHARE: Final = 1 / 3


def run(connection: socket.socket) -> int:
    """Try one job and say what was found; answers the exit code."""
    channel = Channel(connection)
    os.environ.update(channel.next().fields["environment"])
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    os.nice(_NICENESS)
    with suppress(OSError):  # only Linux has it
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_BE_KILLED)
    found = tried(channel.next().fields)
    sys.stderr.flush()
    connection.sendall(Frame("answer", {"document": found}).encode())
    return 0


def tried(question: Mapping[str, Any]) -> dict[str, Any]:
    """What the first steps of a job tell, or `{"problem": …}` as the client is to be told it."""
    try:
        return _try(question)
    except BaseException as error:  # noqa: BLE001  whatever ends training is the answer
        reason = explain(error).reason
        if reason.fault == "user":
            place = reason.param or ("#" if reason.code == "invalid_spec" else "#/data/dataset")
            mistake = {"pointer": place, "detail": reason.message}
            return {"problem": {"status": 422, "code": reason.code, "detail": reason.message, "errors": [mistake]}}
        traceback.print_exception(error)
        return {"problem": {"status": 503, "code": reason.code, "detail": reason.message}}


def _try(question: Mapping[str, Any]) -> dict[str, Any]:
    torch.set_num_threads(question["num_threads"])
    job = spec.parse(question["spec"])
    if finds_rate := job.optimizer.learning_rate == "auto":
        job = at_rate(job, usual_rate(job))  # the search takes a hundred steps; the job itself will make it
    begin = question.get("begin")
    measure = Measure()
    _forget_peak()
    with tempfile.TemporaryDirectory(prefix="trainyard-dry-run-") as folder, measure.shapes():
        train(
            job,
            read(question["source"]),
            directory=Path(folder),
            device=question["device"],
            callbacks=[measure],
            begin=None if begin is None else Path(begin),
        )
    found = measure.document()
    if finds_rate:
        found["resolved_spec"]["optimizer"]["learning_rate"] = "auto"
    return found


class Measure(Callback):
    """Measures a run's first steps, then has it save and end."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._prepared = self._stepped = self._began
        self._seconds: list[float] = []
        self._spec: JobSpec | None = None
        self._facts: Mapping[str, Any] = {}
        self._warnings: list[dict[str, str]] = []
        self._checkpoint: SavedCheckpoint | None = None
        self._shapes = _Shapes()

    def shapes(self) -> _Shapes:
        """A context in which the shapes of the first batch are seen."""
        return self._shapes

    def on_resolved(self, spec: JobSpec, facts: Mapping[str, Any]) -> None:
        """The data is prepared and the network is built."""
        self._spec, self._facts = spec, facts
        self._prepared = self._stepped = time.monotonic()
        self._shapes.begin()

    def on_step(self, progress: Progress) -> None:  # noqa: ARG002
        """Time the step, with everything that it has begun on the device."""
        self._shapes.end()
        if _is_on_gpu():
            torch.cuda.synchronize()
        now = time.monotonic()
        self._seconds.append(now - self._stepped)
        self._stepped = now

    def on_checkpoint(self, checkpoint: SavedCheckpoint) -> None:
        """What a checkpoint takes."""
        self._checkpoint = checkpoint

    def on_warning(self, code: str, message: str) -> None:
        """What the job would warn of."""
        self._warnings.append({"code": code, "message": message})

    def order(self) -> Order | None:
        """Go on until enough has been measured; then save, as a pause would, and end."""
        is_enough = len(self._seconds) >= STEPS or sum(self._seconds) > _ENOUGH_SECONDS
        return Order.DRAIN if is_enough and self._seconds else None

    def document(self) -> dict[str, Any]:
        """What was found."""
        facts, rows, saved = self._facts, self._facts["rows"], self._checkpoint
        each = min(self._seconds[1:] or self._seconds)
        preparing = self._prepared - self._began
        scoring = _SCORING_SHARE * rows["validation"] / max(1, rows["train"])
        return {
            "resolved_spec": {} if self._spec is None else document(self._spec),
            "parameters": facts["parameters"],
            "steps": facts["steps"],
            "steps_per_epoch": facts["steps_per_epoch"],
            "batch_size": facts["batch_size"],
            "rows": rows,
            "device": facts["device"],
            "num_threads": facts["num_threads"],
            "shapes": self._shapes.document(),
            "preparing_seconds": preparing,
            "seconds_per_step": each,
            "first_step_seconds": self._seconds[0],
            "eta_seconds": preparing + self._seconds[0] + facts["steps"] * each * (1 + scoring),
            "peak_memory_bytes": {"host": _peak_bytes(), "device": _device_peak_bytes()},
            "checkpoint_bytes": None if saved is None else sum(file.bytes for file in saved.files),
            "checkpoint_seconds": None if saved is None else saved.seconds,
            "data_report": facts["report"],
            "warnings": self._warnings,
        }


class _Shapes:
    """Sees what goes into the network and what comes out: of all modules that are called, the one with most weights."""

    def __init__(self) -> None:
        self._depth = 0
        self._most = -1
        self._found: dict[str, Any] = {"inputs": None, "outputs": None}
        self._hooks: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self) -> None:
        """Look from now on."""
        self._hooks = [register_module_forward_pre_hook(self._enter), register_module_forward_hook(self._leave)]

    def end(self) -> None:
        """Look no more: looking costs time."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def document(self) -> dict[str, Any]:
        """Shapes as lists, the batch first; None where nothing was seen."""
        return self._found

    def _enter(self, _module: nn.Module, _inputs: object) -> None:
        self._depth += 1

    def _leave(self, module: nn.Module, inputs: object, outputs: object) -> None:
        self._depth -= 1
        num_weights = sum(weight.numel() for weight in module.parameters())
        if self._depth == 0 and num_weights > self._most:
            self._most = num_weights
            self._found = {"inputs": _shape(inputs), "outputs": _shape(outputs)}


def _shape(value: object) -> Any:
    match value:
        case Tensor():
            return list(value.shape)
        case Mapping():
            return {str(name): _shape(inner) for name, inner in value.items()}
        case tuple() | list():
            inner = [_shape(one) for one in value]
            return inner[0] if len(inner) == 1 else inner
    return None


def _forget_peak() -> None:
    """A fork begins with its parent's peak."""
    with suppress(OSError):  # only Linux has it
        Path("/proc/self/clear_refs").write_text("5")
    if _is_on_gpu():
        torch.cuda.reset_peak_memory_stats()


def _peak_bytes() -> int:
    """The most memory of this process since `_forget_peak`, shared pages included."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << (0 if sys.platform == "darwin" else 10)


def _device_peak_bytes() -> int | None:
    return torch.cuda.max_memory_reserved() if _is_on_gpu() else None


def _is_on_gpu() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
