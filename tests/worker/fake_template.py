"""A template process whose trainers run a small stand-in for training, chosen by the name in the job's spec.

It is started as a script, in place of `python -m worker.template`; everything around the training function is real.
"""

import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

import worker.probe
from models import spec
from models.errors import InvalidData
from models.formats.sources import Source
from worker import template, trainer
from worker.exits import Exit
from worker.training import Callback, Diverged, Order, Progress, Result, SavedCheckpoint, Series, checkpoint
from worker.training.callbacks import Callbacks
from worker.training.checkpoint import Snapshot

STEPS = 20
STEP_SECONDS = 0.005


def train(
    job: spec.JobSpec,
    source: Source,
    *,
    directory: Path,
    device: str,
    callbacks: Sequence[Callback],
    resume: Snapshot | None,
    begin: Path | None,
    memory: Path | None,
) -> Result:
    """Count steps, or misbehave as the job's name says."""
    callback = Callbacks(tuple(callbacks))
    first = 0 if resume is None else resume.step
    callback.on_resolved(job, {"device": device, "rows": len(source), "step": first})
    callback.on_phase("training")
    sys.stdout.write(f"training {job.name} on {device} with {torch.get_num_threads()}\n")
    for step in range(first + 1, STEPS + 1):
        misbehave(job.name or "", step)
        if job.name == "on a device" and device_is_broken():
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        if job.name == "evaluating" and step == 3:
            evaluate_for_long(callback)
        callback.on_step(Progress(step / STEPS, 1, 1, step, STEPS))
        callback.on_metrics({"train/loss": series(step)})
        order = callback.order()
        while order is None and job.name in {"endless", "slow"} and step == max(first + 1, STEPS // 2):
            time.sleep(STEP_SECONDS)
            order = callback.order()
        if order == Order.CANCEL:
            return Result("cancelled", step, 1, {})
        if order in {Order.PAUSE, Order.DRAIN}:
            callback.on_checkpoint(save(directory, step, kinds={"latest"}))
            return Result("paused" if order == Order.PAUSE else "drained", step, 1, {})
        if order == Order.STOP:
            break
    callback.on_phase("saving")
    final = save(directory, STEPS, kinds={"latest", "best", "final"})
    callback.on_checkpoint(final)
    if job.name == "spoiled":
        (final.path / "weights.safetensors").write_bytes(b"other")
    return Result("succeeded", STEPS, 1, {"steps": STEPS - first, "weights_sha256": final.files[0].sha256})


def evaluate_for_long(callback: Callback) -> None:
    """Make no step for much longer than the watchdog's patience in the test, but say that the run is alive."""
    for _ in range(70):
        callback.on_sign()
        time.sleep(10 * STEP_SECONDS)


def misbehave(name: str, step: int) -> None:
    """What goes wrong in some runs, at their third step."""
    if name == "slow":
        time.sleep(5 * STEP_SECONDS)
    if step != 3:
        return
    match name:
        case "diverging":
            raise Diverged(step=step, what="loss")
        case "invalid":
            raise InvalidData("not a number", place="row 7, column age")
        case "crashing":
            raise RuntimeError("something is broken")
        case "talking":
            sys.stdout.write("said on stdout\n")
            warnings.warn("said as a warning", stacklevel=1)
            os.write(2, b"said by a library\n")
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "aborting":
            os.abort()
        case "exiting":
            os._exit(6)
        case "hanging":
            threading.Event().wait()
        case "garbled":
            os.write(find_channel(), b"\xff" * 64)
            threading.Event().wait()


def device_is_broken() -> bool:
    """Whether the device of this slot is one that fails now."""
    return Path(os.environ.get("BROKEN_WHILE", "/nowhere/at/all")).exists()


def probe(connection: socket.socket) -> int:
    """As `worker.probe.run`, with a device that a test may break."""
    answer = worker.probe.run(connection)
    return Exit.DEVICE_FAULT if device_is_broken() else answer


def find_channel() -> int:
    """The descriptor of this process's one socket."""
    paths = sorted(Path("/proc/self/fd").iterdir())
    return next(int(path.name) for path in paths if int(path.name) > 2 and path.is_socket())


def series(step: int) -> Series:
    return Series(np.array([step]), np.array([time.time()]), np.array([1 / step]))


def save(directory: Path, step: int, *, kinds: set[str]) -> SavedCheckpoint:
    """A real checkpoint of an unreal run."""
    weights = {"weight": torch.full((2,), float(step))}
    snapshot = Snapshot(step, 1, weights, {}, {"is_complete": "final" not in kinds})
    return checkpoint.save(directory, snapshot, kinds=frozenset(kinds), metrics={"validation/loss": 1.0}, facts={})


def warm_up() -> list[Callable[[], object]]:
    """With `chores` as argument, one that fails and one that does not."""
    return [partial(int, "no number"), lambda: None] if "chores" in sys.argv else []


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    template.start(run=partial(trainer.run, train=train), warm_up=warm_up, probe=probe)
