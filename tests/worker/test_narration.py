"""The job's log, line by line."""

import logging
from pathlib import Path

import numpy as np
import pytest

from models import spec
from worker.narration import Narrator
from worker.training import Progress, SavedCheckpoint, Series


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.INFO, logger="trainyard.trainer")
    return caplog


def scores(value: float) -> dict[str, Series]:
    numbers = np.array([1])
    loss = Series(numbers, numbers * 1.0, np.array([value]))
    return {"train/loss": loss, "train/learning_rate": loss, "validation/accuracy": loss}


def test_a_run_is_told_from_its_plan_to_its_checkpoint(told):
    narrator = Narrator()
    narrator.on_phase("preparing_data")
    job = spec.parse({"data": {"dataset": "iris"}, "task": "classification", "network": "mlp"})
    narrator.on_resolved(job, {"parameters": 163, "steps": 20, "device": "cpu", "step": 0})
    narrator.on_step(Progress(0.5, 2, 4, 10, 20))
    narrator.on_metrics(scores(0.25))
    narrator.on_checkpoint(SavedCheckpoint(10, 2, frozenset({"latest", "best"}), {}, [], Path("/x"), ""))
    narrator.on_warning("odd", "This is odd.")
    assert told.messages == [
        "preparing the data",
        "classification by mlp with adamw; parameters: 163, steps: 20, device: cpu",
        "epoch 2 of 4, step 10: train/loss 0.25, validation/accuracy 0.25",
        "saved step 10 (best, latest)",
        "This is odd. (odd)",
    ]


def test_a_resumed_run_says_where_it_goes_on(told):
    job = spec.parse({"data": {"dataset": "iris"}})
    Narrator().on_resolved(job, {"step": 40})
    assert told.messages[-1] == "going on from step 40"


def test_many_short_epochs_are_not_told_one_by_one(told):
    narrator = Narrator()
    for number in range(50):
        narrator.on_metrics(scores(float(number)))
    assert len(told.messages) == 1


def test_steps_without_a_validation_are_not_told(told):
    Narrator().on_metrics({"train/loss": scores(1.0)["train/loss"]})
    assert told.messages == []
