"""The trainer's reporter: never waits for the supervisor, loses no point, keeps the order."""

import socket
import time
from pathlib import Path

import numpy as np
import pytest

from worker.messages import Decoder, Frame
from worker.reporting import PROGRESS_SECONDS, Reporter
from worker.training import Histograms, Order, Progress, SavedCheckpoint, SavedFile, Series


@pytest.fixture
def channel():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        yield ours, theirs


def received(channel: socket.socket, *, until: str = "finished") -> list[Frame]:
    decoder, frames = Decoder(), []
    while not any(frame.kind == until for frame in frames):
        frames += decoder.feed(channel.recv(1 << 16))
    return frames


def reporter_on(channel: socket.socket, **arguments) -> Reporter:
    return Reporter(channel, order=lambda: None, **arguments)


def loss(*steps: int) -> dict[str, Series]:
    numbers = np.array(steps)
    return {"train/loss": Series(numbers, numbers * 1.0, numbers * 1.0)}


def test_a_training_run_does_not_wait_for_a_supervisor_that_does_not_read(channel):
    supervisor, trainer = channel
    reporter = reporter_on(trainer)
    start = time.perf_counter()
    for step in range(20_000):
        reporter.on_step(Progress(0.0, 1, 1, step, 20_000))
        reporter.on_metrics(loss(step))
    assert time.perf_counter() - start < 60
    reporter.post(Frame("phase", {"phase": "saving"}))
    steps: list[int] = []
    for frame in received(supervisor, until="phase"):
        if frame.kind == "metrics":
            steps += frame.arrays[0].tolist()
    assert steps == list(range(20_000))


def test_histograms_follow_the_points_of_the_steps_before(channel):
    supervisor, trainer = channel
    reporter = reporter_on(trainer)
    reporter.on_metrics(loss(1, 2))
    reporter.on_histograms(Histograms(2, 5.0, ["weights/a", "gradients/a"], np.ones((2, 5)), np.full((2, 64), 3.0)))
    reporter.close(Frame("finished"))
    points, histograms, _ = received(supervisor)
    assert (points.kind, histograms.kind) == ("metrics", "histograms")
    assert histograms.fields == {"step": 2, "time": 5.0, "names": ["weights/a", "gradients/a"]}
    assert [array.tolist() for array in histograms.arrays] == [[1.0] * 10, [3.0] * 128]


def test_what_nobody_waits_for_is_sent_together(channel):
    supervisor, trainer = channel
    reporter = reporter_on(trainer)
    for step in range(1, 101):
        reporter.on_step(Progress(0.0, 1, 1, step, 100))
        reporter.on_metrics(loss(step))
        reporter.on_histograms(Histograms(step, 5.0, ["weights/a"], np.ones((1, 5)), np.ones((1, 64))))
    reporter.close(Frame("finished"))
    frames = received(supervisor)
    assert [frame.fields["step"] for frame in frames if frame.kind == "histograms"] == list(range(1, 101))
    steps = [step for frame in frames if frame.kind == "metrics" for step in frame.arrays[0].tolist()]
    assert steps == list(range(1, 101))
    told = [frame.fields["step"] for frame in frames if frame.kind == "progress"]
    assert told[-1] == 100
    assert len(told) < 100


def test_what_nobody_waits_for_is_sent_without_anything_else(channel):
    supervisor, trainer = channel
    reporter = reporter_on(trainer)
    reporter.on_metrics(loss(1))
    (points,) = received(supervisor, until="metrics")
    assert points.arrays[0].tolist() == [1]


def test_a_step_costs_next_to_nothing(channel):
    reporter = reporter_on(channel[1])
    progress = Progress(0.0, 1, 1, 1, 2)
    start = time.process_time()
    for _ in range(10_000):
        reporter.on_step(progress)
        reporter.order()
    assert time.process_time() - start < 1.0


def test_the_last_step_before_a_pause_is_told_too(channel):
    supervisor, trainer = channel
    reporter = reporter_on(trainer)
    reporter.on_step(Progress(0.1, 1, 1, 1, 10))
    (first,) = received(supervisor, until="progress")
    reporter.on_step(Progress(0.2, 1, 1, 2, 10))
    (second,) = received(supervisor, until="progress")
    assert (first.fields["step"], second.fields["step"]) == (1, 2)


def test_many_steps_are_few_frames(channel):
    supervisor, trainer = channel
    reporter = reporter_on(trainer)
    end = time.monotonic() + 3 * PROGRESS_SECONDS
    step = 0
    while time.monotonic() < end:
        step += 1
        reporter.on_step(Progress(0.0, 1, 1, step, 10**9))
    reporter.close(Frame("finished"))
    steps = [frame.fields["step"] for frame in received(supervisor) if frame.kind == "progress"]
    assert steps[-1] == step
    assert len(steps) <= 8


def test_points_are_on_the_wire_before_the_checkpoint_that_holds_them(channel):
    supervisor, trainer = channel
    reporter = reporter_on(trainer)
    reporter.on_metrics(loss(1, 2))
    file = SavedFile("weights.safetensors", 3, "abc")
    reporter.on_checkpoint(
        SavedCheckpoint(2, 1, frozenset({"latest", "best"}), {"a": 1.0}, [file], Path("/x/2"), "def", seconds=0.5)
    )
    frames = received(supervisor, until="checkpoint")
    assert [frame.kind for frame in frames] == ["metrics", "checkpoint"]
    assert frames[-1].fields == {
        "step": 2,
        "seconds": 0.5,
        "epoch": 1,
        "kinds": ["best", "latest"],
        "metrics": {"a": 1.0},
        "files": [{"name": "weights.safetensors", "bytes": 3, "sha256": "abc"}],
        "path": "/x/2",
        "manifest_sha256": "def",
    }


def test_the_same_phase_is_told_once(channel):
    supervisor, trainer = channel
    reporter = reporter_on(trainer)
    for phase in ("preparing_data", "preparing_data", "training"):
        reporter.on_phase(phase)
    reporter.close(Frame("finished"))
    assert [frame.fields.get("phase") for frame in received(supervisor)] == ["preparing_data", "training", None]


def test_signs_of_life_are_told_once_a_second_at_most(channel):
    supervisor, trainer = channel
    reporter = reporter_on(trainer)
    for _ in range(1000):
        reporter.on_sign()
    reporter.close(Frame("finished"))
    assert [frame.kind for frame in received(supervisor)] == ["sign", "finished"]


def test_orders_come_in_the_words_of_training(channel):
    heard = ["stop"]
    reporter = Reporter(channel[1], order=lambda: heard[0])
    assert reporter.order() is Order.STOP


def test_closing_gives_up_on_a_supervisor_that_does_not_read(channel):
    reporter = reporter_on(channel[1])
    reporter.on_metrics(loss(*range(100_000)))
    start = time.monotonic()
    reporter.close(Frame("finished"), timeout_seconds=0.2)
    assert time.monotonic() - start < 60
