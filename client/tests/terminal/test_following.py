"""A job shown live, in a terminal and in a file, against the real API."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from client.tests.support.trainer import Trainer
from trainyard.terminal import follow, summary


def screen(*, is_terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=is_terminal, width=100, highlight=False, color_system=None)


def drawn(console: Console) -> str:
    return console.file.getvalue()


@pytest.fixture
def training(submit, claim):
    """A job half way, and what trains it."""
    job = submit(name="half way [b]")
    trainer = claim()
    trainer.phase("training")
    trainer.progress(0.5, epoch=2, epochs=4, step=50, steps=100, eta_seconds=3.0)
    trainer.metric("train/loss", range(1, 51), [1 / step for step in range(1, 51)])
    trainer.metric("validation/mae", [25, 50], [0.5, 0.25])
    return job, trainer


def finish(trainer: Trainer) -> None:
    trainer.metric("train/loss", [51], [0.001])
    trainer.succeed()


def test_a_terminal_shows_bar_curves_and_the_result(training):
    job, trainer = training
    console = screen(is_terminal=True)
    timer = threading.Timer(0.6, finish, [trainer])
    timer.start()
    assert follow(job, console=console) is job
    timer.join()
    text = drawn(console)
    assert all(
        word in text for word in ("half way [b]", job.id, "running · training", "50%", "epoch 2/4", "step 50/100")
    )
    assert all(word in text for word in ("train/loss", "█▁", "validation/mae", "0.25", "0.001"))
    assert all(word in text for word in ("succeeded", "this network", "0.97", "beats the baselines"))


def test_a_file_gets_a_line_per_status_and_epoch(training):
    job, trainer = training
    console = screen(is_terminal=False)
    timer = threading.Timer(0.3, finish, [trainer])
    timer.start()
    follow(job, console=console)
    timer.join()
    lines = drawn(console).splitlines()
    assert any("running  epoch 2/4  step 50/100" in line and "validation/mae 0.25" in line for line in lines)
    assert "\x1b" not in drawn(console)
    assert any("this network" in line and "0.97" in line for line in lines)


def test_an_ended_job_is_shown_at_once_and_not_told_again(training):
    job, trainer = training
    finish(trainer)
    console = screen(is_terminal=False)
    follow(job, console=console)
    told = [line for line in drawn(console).splitlines() if line.startswith("job_")]
    assert len(told) == 1
    assert "succeeded  epoch 2/4" in told[0]


def test_a_failure_shows_its_reason(submit, claim):
    job = submit()
    claim().fail(message="the loss is [not] finite")
    console = screen(is_terminal=False)
    follow(job, console=console)
    assert "the loss is [not] finite (diverged at optimizer/learning_rate)" in drawn(console)


def test_the_picture_survives_a_network_that_is_cut(training, wired, cable):
    job, trainer = training
    console = screen(is_terminal=True)
    timers = [threading.Timer(0.3, cable.cut), threading.Timer(0.8, finish, [trainer])]
    for timer in timers:
        timer.start()
    assert follow(wired.jobs.get(job.id), console=console).status == "succeeded"
    assert "0.001" in drawn(console)


def test_a_resumed_job_goes_on_being_shown_from_its_checkpoint(training, claim):
    job, trainer = training
    console = screen(is_terminal=False)

    def lose_and_resume() -> None:
        trainer.lose()
        again = claim()
        again.resumed_from(10)
        again.progress(0.2, epoch=1, epochs=4, step=11, steps=100)
        again.metric("train/loss", [11], [0.4321])
        again.succeed()

    timer = threading.Timer(0.3, lose_and_resume)
    timer.start()
    follow(job, console=console)
    timer.join()
    assert "train/loss 0.4321" in drawn(console)


def test_a_queued_job_says_why_it_waits(submit):
    console = screen(is_terminal=False)
    console.print(summary(submit()))
    assert "no worker is alive" in drawn(console)
