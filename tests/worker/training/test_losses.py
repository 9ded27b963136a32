"""Losses by hand."""

import math
from typing import get_args

import pytest
import torch

from models.errors import InvalidData
from models.spec import loss as specs
from models.spec import parse
from tests.worker.training.material import session_for
from worker.training import losses
from worker.training.data import Signature

THREE = Signature(kind="table", task="classification", num_outputs=3, num_numbers=1, classes=("a", "b", "c"))
NUMBER = Signature(kind="table", task="regression", num_outputs=1, num_numbers=1)
LOGITS = torch.tensor([[1.0, 2.0, 0.5], [0.1, -1.0, 3.0]])
TARGETS = torch.tensor([1, 0])


def loss_of(outputs, targets, *, signature=THREE, counts=None, **spec):
    built = losses.build(parse({"data": {"dataset": "x"}, "loss": spec}).loss, signature, counts=counts)
    return float(built(outputs, targets))


def negative_log_likelihoods():
    return [
        -math.log(math.exp(row[target]) / sum(map(math.exp, row)))
        for row, target in [([1, 2, 0.5], 1), ([0.1, -1, 3], 0)]
    ]


def test_every_loss_of_the_spec_can_be_built_and_no_other():
    assert set(losses.LOSSES) == set(get_args(get_args(specs.Loss)[0])) - {specs.AutoLoss}


def test_cross_entropy_is_the_mean_negative_log_likelihood():
    assert loss_of(LOGITS, TARGETS, type="cross_entropy") == pytest.approx(sum(negative_log_likelihoods()) / 2)


def test_label_smoothing_spreads_a_share_of_the_target_over_all_classes():
    logs = LOGITS.log_softmax(1)
    smooth = [0.7 * -float(logs[row, target]) + 0.3 * -float(logs[row].mean()) for row, target in ((0, 1), (1, 0))]
    assert loss_of(LOGITS, TARGETS, type="cross_entropy", label_smoothing=0.3) == pytest.approx(sum(smooth) / 2)


def test_class_weights_by_name_weigh_rows_of_their_class():
    second, first = negative_log_likelihoods()
    value = loss_of(LOGITS, TARGETS, counts=torch.tensor([1, 1, 1]), type="cross_entropy", class_weight={"a": 3.0})
    assert value == pytest.approx((1 * second + 3 * first) / 4)


def test_balanced_classes_weigh_the_same_in_sum():
    second, first = negative_log_likelihoods()
    value = loss_of(LOGITS, TARGETS, counts=torch.tensor([30, 10, 20]), type="cross_entropy", class_weight="balanced")
    weight_a, weight_b = 60 / (3 * 30), 60 / (3 * 10)
    assert value == pytest.approx((weight_b * second + weight_a * first) / (weight_a + weight_b))


def test_balanced_weights_come_from_the_training_rows():
    session = session_for("flowers", loss={"type": "cross_entropy", "class_weight": "balanced"})
    counts = torch.bincount(session.train.targets)
    assert torch.allclose(session.loss.class_weights, counts.sum() / (3 * counts))


def test_a_weight_for_a_class_that_is_not_there_is_refused():
    with pytest.raises(InvalidData, match="'d', which is no class; these are: a, b, c"):
        loss_of(LOGITS, TARGETS, counts=torch.ones(3), type="cross_entropy", class_weight={"d": 1.0})


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ({"type": "mse"}, (0.5**2 + 3**2) / 2),
        ({"type": "mae"}, (0.5 + 3) / 2),
        ({"type": "huber"}, (0.5 * 0.5**2 + (3 - 0.5)) / 2),
        ({"type": "huber", "delta": 2.0}, (0.5 * 0.5**2 + 2 * (3 - 1)) / 2),
    ],
)
def test_losses_of_numbers(spec, value):
    outputs, targets = torch.tensor([[1.0], [-1.0]]), torch.tensor([[1.5], [2.0]])
    assert loss_of(outputs, targets, signature=NUMBER, **spec) == pytest.approx(value)
