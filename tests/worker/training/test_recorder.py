"""Metrics are read all at once, and what is not finite ends the run."""

import math

import numpy as np
import pytest
import torch

from tests.worker.training.material import CPU, Recording
from worker.training import Diverged
from worker.training import recorder as module
from worker.training.recorder import Recorder, finite


def note(recorder, step, *, loss=0.5, norm=1.0, hits=3):
    recorder.step(
        step,
        loss=torch.tensor(loss),
        norm=torch.tensor(norm),
        hits=None if hits is None else torch.tensor(hits),
        size=4,
        learning_rate=0.1 * step,
    )


def test_every_step_is_a_point_of_every_training_metric():
    told = Recording()
    recorder = Recorder(told, device=CPU)
    note(recorder, 1, loss=0.75)
    note(recorder, 2, loss=0.25, norm=2.0, hits=4)
    recorder.flush()
    assert told.metrics["train/loss"] == [(1, 0.75), (2, 0.25)]
    assert told.metrics["train/gradient_norm"] == [(1, 1.0), (2, 2.0)]
    assert told.metrics["train/accuracy"] == [(1, 0.75), (2, 1.0)]
    assert told.metrics["train/learning_rate"] == [(1, 0.1), (2, 0.2)]
    assert [step for step, _ in told.metrics["train/samples_per_second"]] == [2]


def test_columns_have_the_types_that_travel():
    class Typed(Recording):
        def on_metrics(self, series):
            self.series = series

    told = Typed()
    recorder = Recorder(told, device=CPU)
    note(recorder, 1)
    recorder.scores({"validation/loss": 0.5}, step=1)
    recorder.flush()
    for points in told.series.values():
        assert (points.steps.dtype, points.times.dtype, points.values.dtype) == (np.int64, np.float64, np.float64)
        assert len(points.steps) == len(points.times) == len(points.values)


def test_numbers_have_no_accuracy():
    told = Recording()
    recorder = Recorder(told, device=CPU)
    note(recorder, 1, hits=None)
    recorder.flush()
    assert "train/accuracy" not in told.metrics


def test_what_is_flushed_is_not_told_again():
    told = Recording()
    recorder = Recorder(told, device=CPU)
    note(recorder, 1)
    recorder.scores({"validation/loss": 0.5}, step=1)
    recorder.flush()
    recorder.flush()
    assert told.metrics["validation/loss"] == [(1, 0.5)]
    assert len(told.log) == 1


def test_a_flush_is_due_after_many_steps(monkeypatch):
    monkeypatch.setattr(module, "FLUSH_SECONDS", 1e9)
    recorder = Recorder(Recording(), device=CPU)
    for step in range(module.FLUSH_STEPS - 1):
        note(recorder, step)
    assert not recorder.is_due
    note(recorder, module.FLUSH_STEPS)
    assert recorder.is_due


def test_a_flush_is_due_after_a_while(monkeypatch):
    recorder = Recorder(Recording(), device=CPU)
    assert not recorder.is_due
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.0)
    assert recorder.is_due


@pytest.mark.parametrize("name", ["loss", "norm"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_first_step_that_was_not_finite_is_named_after_its_points_are_told(name, value):
    told = Recording()
    recorder = Recorder(told, device=CPU)
    note(recorder, 1)
    note(recorder, 2, **{name: value})
    note(recorder, 3, **{name: value})
    with pytest.raises(Diverged, match="of step 2 is not finite"):
        recorder.flush()
    assert len(told.metrics["train/loss"]) == 3


def test_scores_without_a_meaning_are_left_out_of_json():
    assert finite({"a": 1.0, "b": math.nan, "c": math.inf}) == {"a": 1.0}
