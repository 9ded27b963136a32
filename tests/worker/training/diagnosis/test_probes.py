"""What is measured of layers and units, against values computed by hand."""

import pytest
import torch
from torch import nn

from tests.worker.training.material import session_for
from worker.training.diagnosis.layers import LayerProbe
from worker.training.diagnosis.units import Listener, dead_share


def test_a_layer_is_known_by_root_mean_squares_of_weight_gradient_and_update():
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        network[2].weight.fill_(2.0)
    probe = LayerProbe(network)
    network[0].weight.grad = torch.full((2, 2), 0.5)
    probe.see_gradients()
    with torch.no_grad():
        network[0].weight.add_(torch.tensor([[0.0, 0.0], [0.0, 2.0]]))
    first, second = probe.see_weights()
    assert first.name == "0.weight"
    assert (first.weight, first.gradient, first.update) == pytest.approx((2.5, 0.5, 1.0))
    assert (second.weight, second.gradient, second.update) == pytest.approx((2.0, 0.0, 0.0))
    assert probe.see_weights() == []


def test_units_that_hardly_any_row_switches_on_are_dead():
    answers = torch.zeros(200, 4)
    answers[:, 0] = 1.0
    answers[:2, 1] = 1.0
    answers[0, 2] = 1.0
    assert dead_share(answers, axis=1) == 0.5


@pytest.mark.parametrize("axis", [1, 2])
def test_a_channel_lives_where_any_of_its_places_does(axis):
    answers = torch.zeros(100, 3, 3)
    answers.select(axis, 1)[:, 2] = 1.0
    assert dead_share(answers, axis=axis) == pytest.approx(2 / 3)


def test_a_network_whose_biases_are_far_below_zero_is_dead_and_says_one_class():
    session = session_for("flowers", network={"type": "mlp", "hidden": [8, 8], "norm": "none", "dropout": 0.0})
    with torch.no_grad():
        session.model.network.layers[0].bias.fill_(-1e4)
    units, answers = Listener(session)()
    assert units[0].dead == 1.0
    assert (answers.said, answers.true, answers.is_classes) == (1.0, 3.0, True)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_answers_far_out_on_the_curve_are_saturated(activation):
    network = {"type": "mlp", "hidden": [8], "norm": "none", "dropout": 0.0, "activation": activation}
    session = session_for("flowers", network=network)
    assert Listener(session)()[0][0].saturated < 0.2
    with torch.no_grad():
        session.model.network.layers[0].weight.mul_(1e4)
    assert Listener(session)()[0][0].saturated > 0.9


def test_looking_draws_no_random_numbers_and_leaves_no_hooks():
    session = session_for("stripes")
    before = torch.get_rng_state()
    Listener(session)()
    assert torch.equal(before, torch.get_rng_state())
    assert not any(module._forward_hooks for module in session.model.modules())


def test_numbers_are_compared_by_their_spread():
    _, answers = Listener(session_for("prices"))()
    assert not answers.is_classes
    assert answers.true == pytest.approx(1.0, abs=0.4)
