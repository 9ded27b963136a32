"""Metrics over many draws are the metrics of the rows drawn."""

import numpy as np
import pytest
import torch

from worker.training import metrics, redrawn
from worker.training.intervals import NUM_RANKED_DRAWS, Resamples

ROWS = 120


def predictions(classes):
    generator = torch.Generator().manual_seed(classes)
    targets = torch.randint(0, classes, (ROWS,), generator=generator)
    logits = torch.randn(ROWS, classes, generator=generator) + torch.nn.functional.one_hot(targets, classes)
    return logits.round(decimals=1), targets


def drawn(rows, number):
    return torch.from_numpy(np.repeat(np.arange(ROWS), rows.draws[number, rows.block_of_row].astype(int)))


def test_every_metric_can_be_drawn():
    assert set(redrawn.CLASSIFICATION) == set(metrics.CLASSIFICATION)
    assert set(redrawn.REGRESSION) == set(metrics.REGRESSION)


@pytest.mark.parametrize("classes", [2, 6])
@pytest.mark.parametrize("name", metrics.CLASSIFICATION)
def test_a_draw_of_a_classification_is_its_metric_on_those_rows(name, classes):
    logits, targets = predictions(classes)
    rows = Resamples(ROWS)
    draws = redrawn.draws(metrics.Classified(logits, targets), name, rows)
    for number in range(3):
        chosen = drawn(rows, number)
        expected = metrics.CLASSIFICATION[name](metrics.Classified(logits[chosen], targets[chosen]))
        assert draws[number] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", metrics.REGRESSION)
def test_a_draw_of_a_regression_is_its_metric_on_those_rows(name):
    generator = torch.Generator().manual_seed(0)
    targets = torch.randn(ROWS, 3, generator=generator) + 20
    values = targets + torch.randn(ROWS, 3, generator=generator)
    rows = Resamples(ROWS, in_series=True)
    draws = redrawn.draws(metrics.Measured(values, targets), name, rows)
    for number in range(3):
        chosen = drawn(rows, number)
        expected = metrics.REGRESSION[name](metrics.Measured(values[chosen], targets[chosen]))
        assert draws[number] == pytest.approx(expected, abs=1e-5)


def test_a_ranking_of_too_many_rows_is_not_drawn(monkeypatch):
    monkeypatch.setattr(redrawn, "MAX_RANKED_VALUES", NUM_RANKED_DRAWS * ROWS - 1)
    draws = redrawn.draws(metrics.Classified(*predictions(2)), "auroc", Resamples(ROWS))
    assert np.isnan(draws).all()


def test_what_has_no_meaning_is_not_a_number():
    zeros = metrics.Measured(torch.ones(ROWS, 1), torch.zeros(ROWS, 1))
    assert np.isnan(redrawn.draws(zeros, "r2", Resamples(ROWS))).all()
    assert np.isnan(redrawn.draws(zeros, "mape", Resamples(ROWS))).all()
