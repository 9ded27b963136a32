"""Helpers of the worker's tests: a template with stand-in training, start frames, and what a trainer answers."""

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from models import spec
from worker.messages import Decoder, Frame
from worker.processes import TrainerProcess
from worker.spares import Spares

FAKE_TEMPLATE = (sys.executable, str(Path(__file__).with_name("fake_template.py")))


@contextmanager
def running_spares(
    *, num_slots: int = 1, command: tuple[str, ...] = FAKE_TEMPLATE, environments: Sequence[Mapping[str, str]] = ()
) -> Iterator[Spares]:
    """Spares whose template has warmed up; everything is gone afterwards. `environments` are on top of a slot's own."""
    is_ready = threading.Event()
    chosen = [{"CUDA_VISIBLE_DEVICES": "", **given} for given in environments or [{}] * num_slots]
    spares = Spares(chosen, on_ready=is_ready.set, command=command)
    spares.start()
    try:
        assert is_ready.wait(240), "the template did not become ready"
        yield spares
    finally:
        spares.close()


@contextmanager
def taken_from(spares: Spares, slot: int = 0) -> Iterator[TrainerProcess]:
    """A trainer that is gone afterwards, whatever became of it."""
    trainer = spares.take(slot)
    try:
        yield trainer
    finally:
        trainer.kill()
        trainer.close()


def job_spec(name: str, **sections: Any) -> dict[str, Any]:
    """The document of a job on a shipped sample; its name chooses what the stand-in does."""
    return spec.document(spec.parse({"name": name, "data": {"dataset": "iris"}, **sections}))


def start_frame(directory: Path, *, name: str = "plain", **fields: Any) -> Frame:
    """What the supervisor sends first."""
    return Frame(
        "start",
        {
            "spec": job_spec(name),
            "source": {"sample": "iris"},
            "directory": str(directory),
            "device": "cpu",
            "num_threads": 1,
            "is_first_attempt": True,
            "resume": [],
            **fields,
        },
    )


def frames_of(trainer: TrainerProcess) -> Iterator[Frame]:
    """Everything a trainer says, until it closes its channel."""
    decoder = Decoder()
    while data := trainer.channel.recv(1 << 16):
        yield from decoder.feed(data)


def output_of(trainer: TrainerProcess) -> str:
    """Everything a trainer that has ended has printed."""
    with open(trainer.output, "rb", closefd=False) as file:
        return (file.read() or b"").decode()


def is_alive(pid: int) -> bool:
    """Whether a process runs, and is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False  # it may go between two looks
