"""Metrics agree with torchmetrics, and with what can be counted by hand."""

import math

import pytest
import torch
from sklearn.metrics import average_precision_score, log_loss
from torchmetrics.functional import classification as reference
from torchmetrics.functional.regression import mean_absolute_error, mean_squared_error, r2_score

from worker.training.metrics import CLASSIFICATION, REGRESSION, Classified, Measured, auroc


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


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize(
    ("name", "theirs", "options"),
    [
        ("top5", reference.multiclass_accuracy, {"average": "micro", "top_k": 5}),
        ("matthews", reference.multiclass_matthews_corrcoef, {}),
        ("calibration_error", reference.multiclass_calibration_error, {"n_bins": 15}),
    ],
)
def test_the_metrics_of_the_catalogue_agree(name, theirs, options, classes):
    logits, targets = scored(classes=classes)
    options = {**options, "top_k": min(5, classes)} if "top_k" in options else options
    expected = theirs(logits.softmax(1), targets, num_classes=classes, **options)
    assert CLASSIFICATION[name](Classified(logits, targets)) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("classes", [2, 5])
def test_average_precision_and_log_loss_are_those_of_scikit_learn(classes):
    logits, targets = scored(classes=classes)
    probabilities = logits.softmax(1).numpy()
    belongs = (targets[:, None] == torch.arange(classes)).numpy()
    ranked, known = (probabilities, belongs) if classes > 2 else (probabilities[:, 1], belongs[:, 1])
    precision = CLASSIFICATION["average_precision"](Classified(logits, targets))
    assert precision == pytest.approx(average_precision_score(known, ranked), abs=1e-5)
    assert CLASSIFICATION["log_loss"](Classified(logits, targets)) == pytest.approx(
        log_loss(targets, probabilities), abs=1e-6
    )


def test_metrics_by_hand():
    scored = Classified(torch.eye(3)[[0, 0, 1, 1, 2]], torch.tensor([0, 1, 1, 1, 0]))
    assert scored.counts[:, [0, 4]].tolist() == [[1, 2], [2, 3], [0, 0]]
    assert CLASSIFICATION["accuracy"](scored) == pytest.approx(0.6)
    assert CLASSIFICATION["balanced_accuracy"](scored) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert CLASSIFICATION["f1_macro"](scored) == pytest.approx((0.5 + 0.8 + 0.0) / 3)


def test_a_class_without_rows_is_no_area_of_nothing():
    logits, targets = scored(classes=3)
    both = targets < 2
    one = [float(reference.binary_auroc(logits[both].softmax(1)[:, k], (targets[both] == k).long())) for k in (0, 1)]
    assert auroc(Classified(logits[both], targets[both])) == pytest.approx(sum(one) / 2, abs=1e-6)


def test_one_class_alone_has_no_correlation():
    assert math.isnan(CLASSIFICATION["matthews"](Classified(torch.randn(5, 2), torch.zeros(5, dtype=torch.int64))))


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
    targets = torch.randn(50, 2, generator=generator) * 3 + 10
    values = targets + torch.randn(50, 2, generator=generator)
    pair, flat = Measured(values, targets), (values.flatten(), targets.flatten())
    assert REGRESSION["rmse"](pair) == pytest.approx(float(mean_squared_error(*flat)) ** 0.5)
    assert REGRESSION["mae"](pair) == pytest.approx(float(mean_absolute_error(*flat)))
    assert REGRESSION["r2"](pair) == pytest.approx(float(r2_score(*flat)), abs=1e-6)
    assert REGRESSION["mape"](pair) == pytest.approx(((values - targets) / targets).abs().mean().item(), abs=1e-6)
    assert REGRESSION["smape"](pair) == pytest.approx(
        (2 * (values - targets).abs() / (values.abs() + targets.abs())).mean().item(), abs=1e-6
    )


def test_the_share_of_a_variance_that_is_none_has_no_meaning():
    assert math.isnan(REGRESSION["r2"](Measured(torch.ones(3, 1), torch.zeros(3, 1))))


def test_an_error_is_no_share_of_zero():
    assert math.isnan(REGRESSION["mape"](Measured(torch.ones(3, 1), torch.zeros(3, 1))))
