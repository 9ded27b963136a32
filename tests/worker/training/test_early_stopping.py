"""The best epoch, and patience with the others."""

import math

import pytest

from models.spec.early_stopping import EarlyStopping
from worker.training.early_stopping import Best, Monitor


def watch(values, *, metric="validation/loss", **spec):
    monitor = Monitor(EarlyStopping(monitor=metric, **spec))
    improved = [monitor.observe({metric: value}, epoch=epoch, step=10 * epoch) for epoch, value in enumerate(values, 1)]
    return monitor, improved


def test_the_best_epoch_is_the_one_with_the_smallest_loss():
    monitor, improved = watch([3.0, 1.0, 2.0, 1.0])
    assert improved == [True, True, False, False]
    assert monitor.best == Best(1.0, 2, 20)


@pytest.mark.parametrize("metric", ["accuracy", "f1_macro", "auroc", "r2"])
def test_most_metrics_are_better_when_larger(metric):
    monitor, improved = watch([0.5, 0.9, 0.7], metric=f"validation/{metric}")
    assert improved == [True, True, False]
    assert monitor.best.value == 0.9


@pytest.mark.parametrize("metric", ["loss", "rmse", "mae"])
def test_errors_are_better_when_smaller(metric):
    assert watch([0.5, 0.4, 0.6], metric=f"validation/{metric}")[0].best.value == 0.4


def test_patience_is_used_up_by_epochs_without_improvement_in_a_row():
    for values, over in (([1, 2, 2], True), ([1, 2, 0.5, 1], False), ([1, 2], False)):
        assert watch(values, patience=2)[0].is_exhausted is over


def test_a_change_as_small_as_min_delta_is_no_improvement():
    monitor, improved = watch([1.0, 0.9, 0.75, 0.6], min_delta=0.25)
    assert improved == [True, False, False, True]
    assert monitor.best.value == 0.6


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_no_improvement(value):
    monitor, improved = watch([value, 1.0, value])
    assert improved == [False, True, False]
    assert monitor.best.value == 1.0


def test_without_early_stopping_the_best_is_still_known_and_nothing_ends():
    monitor = Monitor(None)
    for epoch in range(1, 100):
        monitor.observe({"validation/loss": float(epoch)}, epoch=epoch, step=epoch)
    assert monitor.best.epoch == 1
    assert not monitor.is_exhausted


def test_state_goes_through_a_checkpoint():
    monitor, _ = watch([1.0, 2.0], patience=3)
    restored = Monitor(EarlyStopping(patience=3)).restore(monitor.state())
    assert restored.best == monitor.best
    restored.observe({"validation/loss": 5.0}, epoch=3, step=30)
    assert not restored.is_exhausted
    restored.observe({"validation/loss": 5.0}, epoch=4, step=40)
    assert restored.is_exhausted
