"""Metrics agree with torchmetrics, and with what can be counted by hand."""

import math

import pytest
import torch
from torchmetrics.functional import classification as reference
from torchmetrics.functional.regression import mean_absolute_error, mean_squared_error, r2_score

from worker.training.metrics import CLASSIFICATION, REGRESSION, Classified, auroc


def scored(*, rows=200, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, classes, (rows,), generator=generator)
    logits = torch.randn(rows, classes, generator=generator) + torch.nn.functional.one_hot(targets, classes)
    return logits.round(decimals=1), targets  # rounded, so that there are ties


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize(
    ("name", "theirs", "average"),
    [
        ("accuracy", reference.multiclass_accuracy, "micro"),
        ("balanced_accuracy", reference.multiclass_accuracy, "macro"),
        ("f1_macro", reference.multiclass_f1_score, "macro"),
        ("precision_macro", reference.multiclass_precision, "macro"),
        ("recall_macro", reference.multiclass_recall, "macro"),
    ],
)
def test_classification_metrics_agree(name, theirs, average, classes):
    logits, targets = scored(classes=classes)
    expected = theirs(logits, targets, num_classes=classes, average=average)
    assert CLASSIFICATION[name](Classified(logits, targets)) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("classes", [3, 7])
def test_the_area_under_the_curve_agrees_with_ties_and_many_classes(classes):
    logits, targets = scored(classes=classes)
    expected = reference.multiclass_auroc(logits, targets, num_classes=classes, average="macro")
    assert auroc(Classified(logits, targets)) == pytest.approx(float(expected), abs=1e-6)


def test_the_area_under_the_curve_agrees_for_two_classes():
    logits, targets = scored(classes=2)
    expected = reference.binary_auroc(logits.softmax(1)[:, 1], targets)
    assert auroc(Classified(logits, targets)) == pytest.approx(float(expected), abs=1e-6)


def test_counts_by_hand():
    logits = torch.eye(3)[[0, 0, 1, 1, 2]]
    counted = Classified(logits, torch.tensor([0, 1, 1, 1, 0]))
    assert counted.confusion.tolist() == [[1, 0, 1], [1, 2, 0], [0, 0, 0]]
    assert counted.precision.tolist() == [0.5, 1.0, 0.0]
    assert counted.recall.tolist() == [0.5, pytest.approx(2 / 3), 0.0]
    assert counted.f1.tolist() == [0.5, pytest.approx(0.8), 0.0]
    assert CLASSIFICATION["accuracy"](counted) == 0.6


def test_a_class_that_occurs_nowhere_does_not_count():
    logits, targets = scored(classes=3)
    wider = torch.cat([logits, torch.full((len(logits), 1), -50.0)], dim=1)
    for name in ("f1_macro", "precision_macro", "recall_macro", "balanced_accuracy"):
        narrow = CLASSIFICATION[name](Classified(logits, targets))
        assert CLASSIFICATION[name](Classified(wider, targets)) == pytest.approx(narrow)


def test_the_area_under_the_curve_of_one_class_alone_has_no_meaning():
    assert math.isnan(auroc(Classified(torch.randn(5, 2), torch.zeros(5, dtype=torch.int64))))


def test_a_perfect_and_a_reversed_ranking():
    targets = torch.tensor([0, 0, 1, 1])
    scores = torch.tensor([0.1, 0.2, 0.3, 0.4])
    logits = torch.stack([-scores, scores], dim=1)
    assert auroc(Classified(logits, targets)) == 1.0
    assert auroc(Classified(-logits, targets)) == 0.0
    assert auroc(Classified(logits * 0, targets)) == 0.5


def test_regression_metrics_agree():
    generator = torch.Generator().manual_seed(1)
    targets = torch.randn(50, 1, generator=generator) * 3 + 10
    values = targets + torch.randn(50, 1, generator=generator)
    assert REGRESSION["rmse"](values, targets) == pytest.approx(float(mean_squared_error(values, targets)) ** 0.5)
    assert REGRESSION["mae"](values, targets) == pytest.approx(float(mean_absolute_error(values, targets)))
    assert REGRESSION["r2"](values, targets) == pytest.approx(float(r2_score(values, targets)), abs=1e-6)


def test_the_share_of_a_variance_that_is_none_has_no_meaning():
    assert math.isnan(REGRESSION["r2"](torch.ones(3, 1), torch.zeros(3, 1)))
