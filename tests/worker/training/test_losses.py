"""Each loss against the textbook's formula, and against PyTorch's own where it has one."""

import math
from typing import get_args

import pytest
import torch
from torch.nn import functional

from models.errors import InvalidData, InvalidSpec
from models.spec import loss as specs
from models.spec import parse
from tests.worker.training.material import session_for
from worker.training import losses
from worker.training.data import Signature

THREE = Signature(kind="table", task="classification", num_outputs=3, num_numbers=1, classes=("a", "b", "c"))
TWO = Signature(kind="table", task="classification", num_outputs=2, num_numbers=1, classes=("no", "yes"))
NUMBER = Signature(kind="table", task="regression", num_outputs=1, num_numbers=1)
LOGITS = torch.tensor([[1.0, 2.0, 0.5], [0.1, -1.0, 3.0]])
TARGETS = torch.tensor([1, 0])
PAIRS = torch.tensor([[0.5, 1.5], [0.2, -2.0], [-1.0, 0.0]])
ANSWERS = torch.tensor([1, 0, 0])


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


def test_two_classes_are_one_yes_or_no():
    logit = [1.5 - 0.5, -2.0 - 0.2, 0.0 + 1.0]
    right = [1 / (1 + math.exp(-logit[0])), 1 - 1 / (1 + math.exp(-logit[1])), 1 - 1 / (1 + math.exp(-logit[2]))]
    expected = -sum(map(math.log, right)) / 3
    assert loss_of(PAIRS, ANSWERS, signature=TWO, type="binary_cross_entropy") == pytest.approx(expected)


@pytest.mark.parametrize("more", [{}, {"label_smoothing": 0.2}, {"class_weight": {"yes": 4.0}}])
def test_of_two_classes_binary_cross_entropy_is_cross_entropy(more):
    counts = torch.tensor([2, 1])
    binary = loss_of(PAIRS, ANSWERS, signature=TWO, counts=counts, type="binary_cross_entropy", **more)
    softmax = loss_of(PAIRS, ANSWERS, signature=TWO, counts=counts, type="cross_entropy", **more)
    assert binary == pytest.approx(softmax, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_of_three_classes_binary_cross_entropy_asks_about_each(smoothing):
    wanted = functional.one_hot(TARGETS, 3) * (1 - smoothing) + smoothing / 2
    expected = functional.binary_cross_entropy_with_logits(LOGITS, wanted)
    found = loss_of(LOGITS, TARGETS, type="binary_cross_entropy", label_smoothing=smoothing)
    assert found == pytest.approx(expected.item())


def test_a_network_trained_on_each_class_by_itself_answers_with_its_sigmoids():
    session = session_for("flowers", loss="binary_cross_entropy")
    odds = torch.tensor([[2.0, -1.0, 0.0]])
    sigmoids = 1 / (1 + torch.exp(-odds))
    assert torch.allclose(session.model.readable(odds), sigmoids / sigmoids.sum())
    assert session.unchanging["signature"]["one_vs_rest"] is True
    assert session_for("flowers").unchanging["signature"]["one_vs_rest"] is False
    assert torch.equal(session_for("flowers").model.readable(odds), odds.softmax(1))


def test_auroc_ranks_by_the_probabilities_that_are_told():
    session = session_for("flowers", loss="binary_cross_entropy", evaluation={"metrics": ["auroc"]})
    outputs, targets = torch.tensor([[5.0, 5.0, 0.0], [1.0, -5.0, -5.0]]), torch.tensor([1, 0])
    assert session.model.readable(outputs)[0, 0] < session.model.readable(outputs)[1, 0]
    assert session.evaluation.scores(outputs, targets) == {"auroc": 1.0}


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_counts_a_row_less_the_surer_it_is(gamma):
    likelihoods = negative_log_likelihoods()
    expected = sum((1 - math.exp(-value)) ** gamma * value for value in likelihoods) / 2
    assert loss_of(LOGITS, TARGETS, type="focal", gamma=gamma) == pytest.approx(expected, rel=1e-5)


def test_focal_loss_has_a_gradient_where_a_row_is_quite_sure():
    built = losses.build(specs.Focal(gamma=0.5), THREE, counts=None)
    outputs = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    built(outputs, torch.tensor([0])).backward()
    assert outputs.grad.tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_class_weights_by_name_weigh_rows_of_their_class(name):
    second, first = negative_log_likelihoods()
    if name == "focal":
        second, first = ((1 - math.exp(-value)) ** 2 * value for value in (second, first))
    value = loss_of(LOGITS, TARGETS, counts=torch.tensor([1, 1, 1]), type=name, class_weight={"a": 3.0})
    assert value == pytest.approx((1 * second + 3 * first) / 4, rel=1e-5)


def test_class_weights_weigh_rows_of_binary_cross_entropy_too():
    each = functional.binary_cross_entropy_with_logits(LOGITS, functional.one_hot(TARGETS, 3).float(), reduction="none")
    second, first = each.mean(1).tolist()
    sections = {"type": "binary_cross_entropy", "class_weight": {"a": 3.0}}
    assert loss_of(LOGITS, TARGETS, counts=torch.ones(3), **sections) == pytest.approx((second + 3 * first) / 4)


def test_balanced_classes_weigh_the_same_in_sum():
    second, first = negative_log_likelihoods()
    value = loss_of(LOGITS, TARGETS, counts=torch.tensor([30, 10, 20]), type="cross_entropy", class_weight="balanced")
    weight_a, weight_b = 60 / (3 * 30), 60 / (3 * 10)
    assert value == pytest.approx((weight_b * second + weight_a * first) / (weight_a + weight_b))


def test_balanced_weights_come_from_the_training_rows():
    session = session_for("flowers", loss={"type": "cross_entropy", "class_weight": "balanced"})
    counts = torch.bincount(session.train.targets)
    assert torch.allclose(session.loss.class_weights, counts.sum() / (3 * counts))


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy", "focal"])
def test_a_weight_for_a_class_that_is_not_there_is_refused(name):
    with pytest.raises(InvalidData, match="'d', which is no class; these are: a, b, c"):
        loss_of(LOGITS, TARGETS, counts=torch.ones(3), type=name, class_weight={"d": 1.0})


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ({"type": "mse"}, (0.5**2 + 3**2) / 2),
        ({"type": "mae"}, (0.5 + 3) / 2),
        ({"type": "huber"}, (0.5 * 0.5**2 + (3 - 0.5)) / 2),
        ({"type": "huber", "delta": 2.0}, (0.5 * 0.5**2 + 2 * (3 - 1)) / 2),
        ({"type": "quantile"}, (0.5 + 3) / 4),
        ({"type": "quantile", "quantile": 0.9}, 0.9 * (0.5 + 3) / 2),
    ],
)
def test_losses_of_numbers(spec, value):
    outputs, targets = torch.tensor([[1.0], [-1.0]]), torch.tensor([[1.5], [2.0]])
    assert loss_of(outputs, targets, signature=NUMBER, **spec) == pytest.approx(value)


def test_a_target_below_a_high_quantile_costs_little():
    outputs, targets = torch.tensor([[1.0]]), torch.tensor([[-1.0]])
    assert loss_of(outputs, targets, signature=NUMBER, type="quantile", quantile=0.9) == pytest.approx(0.1 * 2)


def test_several_quantiles_have_an_output_each_and_the_loss_is_their_mean():
    outputs, targets = torch.tensor([[0.0, 1.0, 5.0, 6.0]]), torch.tensor([[2.0, 4.0]])  # two answers, two levels each

    value = loss_of(outputs, targets, signature=NUMBER, type="quantile", quantile=[0.1, 0.9])

    assert value == pytest.approx((0.1 * 2 + 0.9 * 1 + 0.9 * 1 + 0.1 * 2) / 4)


@pytest.mark.parametrize("quantile", [0.1, 0.75])
def test_the_constant_with_the_least_pinball_loss_is_the_quantile(quantile):
    targets = torch.randn(400, 1, generator=torch.Generator().manual_seed(0))
    grid = torch.linspace(-3, 3, 601)
    found = [
        loss_of(torch.full_like(targets, float(at)), targets, signature=NUMBER, type="quantile", quantile=quantile)
        for at in grid
    ]
    assert grid[int(torch.tensor(found).argmin())] == pytest.approx(targets.quantile(quantile).item(), abs=0.02)


@pytest.mark.parametrize(
    ("loss", "pointer"),
    [
        ({"type": "focal", "gamma": -1}, "#/loss/gamma"),
        ({"type": "binary_cross_entropy", "label_smoothing": 1.0}, "#/loss/label_smoothing"),
        ({"type": "quantile", "quantile": 1.0}, "#/loss/quantile"),
        ({"type": "quantile", "quantile": 0}, "#/loss/quantile"),
        ({"type": "quantile", "quantile": []}, "#/loss/quantile"),
        ({"type": "quantile", "quantile": [0.1, 1.5]}, "#/loss/quantile/1"),
        ({"type": "quantile", "quantile": [0.5, 0.1]}, "#/loss/quantile"),
        ({"type": "quantile", "quantile": [0.5, 0.5]}, "#/loss/quantile"),
        ({"type": "focal", "class_weight": {"a": 0}}, "#/loss/class_weight/a"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(loss, pointer):
    with pytest.raises(InvalidSpec) as caught:
        parse({"data": {"dataset": "x"}, "loss": loss})
    assert [error.pointer for error in caught.value.errors] == [pointer]


@pytest.mark.parametrize(
    ("source", "loss"), [("prices", "focal"), ("prices", "binary_cross_entropy"), ("flowers", "quantile")]
)
def test_a_loss_of_another_task_is_refused(source, loss):
    with pytest.raises(InvalidSpec, match="does not fit"):
        session_for(source, loss=loss)


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "focal"])
def test_a_network_learns_by_it(loss):
    session = session_for("flowers", loss=loss)
    before = session.evaluation(session.train)["loss"]
    session.model.network.train()
    for step in range(40):
        session.loss(session.model.network(session.train.inputs), session.train.targets).backward()
        session.update(step=step)
    assert session.evaluation(session.train)["loss"] < 0.6 * before
