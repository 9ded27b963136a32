"""The child process of one attempt: a spec, a folder and a channel go in, frames come out.

It knows no database, no broker and no HTTP. It waits as a spare until the start frame comes, trains, says how it went,
and exits with a code that says the same once more.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from models import formats, spec
from models.formats.joining import joined
from models.formats.sources import Source
from models.samples import sample
from worker import memory_kills
from worker.exits import DUMP_SIGNAL, Exit
from worker.failures import explain
from worker.messages import Frame
from worker.narration import Narrator
from worker.orders import Channel
from worker.reporting import Reporter
from worker.training import Callback, CheckpointRefused, Result, checkpoint
from worker.training.data.room import check_file_fits


class Train(Protocol):
    """The function that trains; tests give a small one of their own."""

    def __call__(
        self,
        job: spec.JobSpec,
        source: Source,
        /,
        *,
        directory: Path,
        device: str,
        callbacks: Sequence[Callback],
        resume: checkpoint.Snapshot | None,
        begin: Path | None,
        memory: Path | None,
    ) -> Result:
        """As `worker.training.train`."""


def run(connection: socket.socket, *, train: Train, rehearse: Callable[[], None] = lambda: None) -> int:
    """Be a spare, then the trainer of one attempt; answers the exit code."""
    channel = Channel(connection)
    _get_ready(channel.next())
    rehearse()
    start = channel.next().fields
    signal.signal(signal.SIGTERM, lambda *_: channel.put("drain"))
    channel.listen()
    reporter = Reporter(connection, order=channel.take, is_first_attempt=start["is_first_attempt"])
    code, last = _attempt(start, reporter, train=train)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # what was printed is there before the last word is
    reporter.close(last)
    return code


def _get_ready(prepare: Frame) -> None:
    """What a spare can settle before it knows its job: its environment, and how it tells of crashes and hangs."""
    os.environ.update(prepare.fields["environment"])
    memory_kills.offer_oneself()
    faulthandler.enable()
    faulthandler.register(DUMP_SIGNAL, all_threads=True)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


def _attempt(start: Mapping[str, Any], reporter: Reporter, *, train: Train) -> tuple[Exit, Frame]:
    try:
        result = _train(start, reporter, train=train)
    except BaseException as error:  # noqa: BLE001  whatever ends training is told to the supervisor
        failure = explain(error)
        if failure.exit is Exit.CRASHED:
            traceback.print_exception(error)
        return failure.exit, Frame("failed", failure.reason._asdict())
    drained = result.outcome == "drained"
    return Exit.DRAINED if drained else Exit.OK, Frame("finished", {"outcome": result.outcome, "result": result.result})


def _train(start: Mapping[str, Any], reporter: Reporter, *, train: Train) -> Result:
    """Train from the newest checkpoint that can be gone on from, else from the beginning."""
    reporter.on_phase("preparing_data")
    torch.set_num_threads(start["num_threads"])  # not passed to training: a resumed run keeps the number it began with
    resume = _newest_good(start["resume"], reporter)
    begin = start.get("begin") if resume is None else None
    memory = start.get("memory")
    return train(
        spec.parse(start["spec"]),
        read(start["source"]),
        directory=Path(start["directory"]),
        device=start["device"],
        callbacks=[reporter, Narrator()],
        resume=resume,
        begin=None if begin is None else Path(begin),
        memory=None if memory is None else Path(memory),
    )


def _newest_good(candidates: Sequence[Mapping[str, Any]], reporter: Reporter) -> checkpoint.Snapshot | None:
    """The first checkpoint that is whole; each damaged one before it is told."""
    for candidate in candidates:
        try:
            snapshot = checkpoint.load(Path(candidate["path"]))
            if snapshot.is_complete:
                return snapshot
        except CheckpointRefused as refused:
            told = {"attempt": candidate["attempt"], "step": candidate["step"], "message": refused.message}
            reporter.post(Frame("damaged", told))
    return None


def read(source: Mapping[str, Any]) -> Source:
    """The data of a job, from where the worker has put it; where another dataset is the test, both as one."""
    if (test := source.get("test")) is not None:
        return joined(_read_one(source), _read_one(test))
    return _read_one(source)


def _read_one(source: Mapping[str, Any]) -> Source:
    if name := source.get("sample"):
        shipped = sample(name)
        return formats.read(shipped.path, format=shipped.format, options=shipped.options)
    path = Path(source["path"])
    check_file_fits(path, format=source["format"])
    return formats.read(path, format=source["format"], options=source["options"])
