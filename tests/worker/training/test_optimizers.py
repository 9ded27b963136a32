"""Each optimizer against the textbook's formula, step by step."""

import math
from typing import get_args

import pytest
import torch
from torch import nn

from models.spec import optimizer as specs
from models.spec import parse
from worker.training import fused, optimizers

WEIGHT, BIAS = 2.0, 1.0
GRADIENTS = (0.5, -0.25, 1.0)


def spec_of(**optimizer):
    return parse({"data": {"dataset": "x"}, "optimizer": optimizer}).optimizer


def network():
    layer = nn.Linear(1, 1)
    with torch.no_grad():
        layer.weight.fill_(WEIGHT)
        layer.bias.fill_(BIAS)
    return layer


def weights_after(gradients=GRADIENTS, way=fused.Step, **optimizer):
    """The weight and the bias after each of these gradients."""
    layer = network()
    take = way(optimizers.build(spec_of(**optimizer), layer))
    seen = []
    for gradient in gradients:
        layer.weight.grad, layer.bias.grad = torch.full((1, 1), gradient), torch.full((1,), gradient)
        take()
        seen.append((layer.weight.item(), layer.bias.item()))
    return seen


def test_every_optimizer_of_the_spec_can_be_built_and_no_other():
    assert set(optimizers.OPTIMIZERS) == set(get_args(get_args(specs.Optimizer)[0]))


def test_plain_gradient_descent_subtracts_rate_times_gradient():
    after = weights_after(type="sgd", learning_rate=0.1, momentum=0.0)
    assert [weight for weight, _ in after] == pytest.approx([1.95, 1.975, 1.875])


def test_momentum_carries_a_share_of_the_last_step():
    velocity, weight, expected = 0.0, WEIGHT, []
    for gradient in GRADIENTS:
        velocity = 0.9 * velocity + gradient
        weight -= 0.1 * velocity
        expected.append(weight)
    assert [weight for weight, _ in weights_after(type="sgd", learning_rate=0.1)] == pytest.approx(expected)


def test_nesterov_looks_ahead():
    velocity, weight, expected = 0.0, WEIGHT, []
    for gradient in GRADIENTS:
        velocity = 0.9 * velocity + gradient
        weight -= 0.1 * (gradient + 0.9 * velocity)
        expected.append(weight)
    after = weights_after(type="sgd", learning_rate=0.1, nesterov=True)
    assert [weight for weight, _ in after] == pytest.approx(expected)


def adam_by_hand(*, rate, decay=0.0, eps=1e-8):
    mean = square = 0.0
    weight, expected = WEIGHT, []
    for step, gradient in enumerate(GRADIENTS, 1):
        weight *= 1 - rate * decay
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        weight -= rate * (mean / (1 - 0.9**step)) / (math.sqrt(square / (1 - 0.999**step)) + eps)
        expected.append(weight)
    return expected


def test_adam_divides_the_mean_gradient_by_its_root_mean_square():
    after = weights_after(type="adam", learning_rate=0.1)
    assert [weight for weight, _ in after] == pytest.approx(adam_by_hand(rate=0.1), rel=1e-5)


def test_adamw_shrinks_the_matrix_beside_the_step_and_spares_the_bias():
    after = weights_after(type="adamw", learning_rate=0.1, weight_decay=0.5)
    plain = weights_after(type="adam", learning_rate=0.1)
    assert [weight for weight, _ in after] == pytest.approx(adam_by_hand(rate=0.1, decay=0.5), rel=1e-5)
    assert [bias for _, bias in after] == [bias for _, bias in plain]


def test_the_weight_decay_of_sgd_goes_past_the_momentum():
    velocity, weight, expected = 0.0, WEIGHT, []
    for gradient in GRADIENTS:
        weight *= 1 - 0.1 * 0.5
        velocity = 0.9 * velocity + gradient
        weight -= 0.1 * velocity
        expected.append(weight)
    after = weights_after(type="sgd", learning_rate=0.1, weight_decay=0.5)
    assert [weight for weight, _ in after] == pytest.approx(expected)
    assert [bias for _, bias in after] == [bias for _, bias in weights_after(type="sgd", learning_rate=0.1)]


def test_rmsprop_divides_by_a_running_root_mean_square():
    square, weight, expected = 0.0, WEIGHT, []
    for gradient in GRADIENTS:
        square = 0.9 * square + 0.1 * gradient**2
        weight -= 0.1 * gradient / (math.sqrt(square) + 1e-8)
        expected.append(weight)
    after = weights_after(type="rmsprop", learning_rate=0.1, alpha=0.9)
    assert [weight for weight, _ in after] == pytest.approx(expected)


def test_adagrad_divides_by_the_root_of_all_squares():
    total, weight, expected = 0.0, WEIGHT, []
    for gradient in GRADIENTS:
        total += gradient**2
        weight -= 0.1 * gradient / (math.sqrt(total) + 1e-10)
        expected.append(weight)
    after = weights_after(type="adagrad", learning_rate=0.1)
    assert [weight for weight, _ in after] == pytest.approx(expected)


def test_adagrad_divides_its_rate_by_its_decay():
    slow = weights_after(type="adagrad", learning_rate=0.1, learning_rate_decay=1.0)
    assert slow[1][0] - slow[0][0] == pytest.approx(0.05 * 0.25 / math.sqrt(0.5**2 + 0.25**2))


def test_adadelta_needs_no_rate():
    square = update = 0.0
    weight, expected = WEIGHT, []
    for gradient in GRADIENTS:
        square = 0.9 * square + 0.1 * gradient**2
        step = math.sqrt(update + 1e-6) / math.sqrt(square + 1e-6) * gradient
        update = 0.9 * update + 0.1 * step**2
        weight -= step
        expected.append(weight)
    assert [weight for weight, _ in weights_after(type="adadelta")] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        ({"type": "adadelta", "rho": 0.7, "eps": 1e-3}, lambda of: torch.optim.Adadelta(of, lr=0.1, rho=0.7, eps=1e-3)),
        ({"type": "adagrad", "eps": 0.1}, lambda of: torch.optim.Adagrad(of, lr=0.1, eps=0.1)),
        (
            {"type": "rmsprop", "alpha": 0.8, "momentum": 0.5, "eps": 0.1},
            lambda of: torch.optim.RMSprop(of, lr=0.1, alpha=0.8, momentum=0.5, eps=0.1),
        ),
    ],
)
def test_every_setting_of_the_dividing_ones_means_what_it_means_in_pytorch(settings, reference):
    layer = network()
    theirs = reference(layer.parameters())
    expected = []
    for gradient in GRADIENTS:
        layer.weight.grad, layer.bias.grad = torch.full((1, 1), gradient), torch.full((1,), gradient)
        theirs.step()
        expected.append((layer.weight.item(), layer.bias.item()))
    assert weights_after(learning_rate=0.1, **settings) == expected


@pytest.mark.parametrize(("name", "reference"), [("nadam", torch.optim.NAdam), ("radam", torch.optim.RAdam)])
def test_the_kin_of_adam_are_those_of_pytorch(name, reference):
    layer = network()
    theirs = reference(layer.parameters(), lr=0.1, betas=(0.8, 0.9), eps=1e-6)
    expected = []
    for gradient in GRADIENTS:
        layer.weight.grad, layer.bias.grad = torch.full((1, 1), gradient), torch.full((1,), gradient)
        theirs.step()
        expected.append((layer.weight.item(), layer.bias.item()))
    assert weights_after(type=name, learning_rate=0.1, betas=[0.8, 0.9], eps=1e-6) == expected


def test_dampening_makes_a_gradient_count_less_in_the_momentum():
    velocity, weight, expected = GRADIENTS[0], WEIGHT - 0.1 * GRADIENTS[0], []
    for gradient in GRADIENTS[1:]:
        expected.append(weight)
        velocity = 0.9 * velocity + 0.7 * gradient
        weight -= 0.1 * velocity
    after = weights_after(type="sgd", learning_rate=0.1, dampening=0.3)
    assert [weight for weight, _ in after] == pytest.approx([*expected, weight])


def test_lion_moves_by_the_sign_of_its_momentum():
    momentum, weight, bias, expected = 0.0, WEIGHT, BIAS, []
    for gradient in (0.5, -3.0, 1.0):
        direction = math.copysign(1, 0.9 * momentum + 0.1 * gradient)
        weight -= 0.01 * (direction + 0.5 * weight)
        bias -= 0.01 * direction
        momentum = 0.8 * momentum + 0.2 * gradient
        expected.append((pytest.approx(weight), pytest.approx(bias)))
    after = weights_after((0.5, -3.0, 1.0), type="lion", learning_rate=0.01, betas=[0.9, 0.8], weight_decay=0.5)
    assert after == expected
    assert after[0][1] < after[1][1]


@pytest.mark.parametrize(
    "optimizer",
    [
        {"type": "adam", "betas": [0.8, 0.95], "eps": 1e-5},
        {"type": "adamw", "weight_decay": 0.3},
        {"type": "sgd"},
        {"type": "sgd", "momentum": 0.0, "weight_decay": 0.2},
        {"type": "sgd", "nesterov": True},
        {"type": "sgd", "dampening": 0.5},
    ],
)
def test_the_short_way_gives_the_bits_of_the_long_way(optimizer):
    many = [math.sin(step) for step in range(20)]
    assert weights_after(many, **optimizer) == weights_after(many, way=lambda built: built.step, **optimizer)


def weights_of_a_run_that_is_loaded_halfway(way, **optimizer):
    """The weights after steps of which some have no gradient for the bias, and the optimizer's counts of them."""
    layer = network()
    built = optimizers.build(spec_of(**optimizer), layer)
    take = way(built)
    for step in range(12):
        layer.weight.grad = torch.full((1, 1), math.sin(step))
        layer.bias.grad = torch.full((1,), math.cos(step)) if step % 4 != 3 else None
        take()
        if step == 6:
            built.load_state_dict(built.state_dict())
    return (
        layer.weight.item(),
        layer.bias.item(),
        [float(built.state[one].get("step", 0)) for one in layer.parameters()],
    )


@pytest.mark.parametrize("optimizer", [{"type": "adamw"}, {"type": "sgd"}])
def test_the_short_way_goes_along_with_gradients_that_are_missing_and_with_a_state_that_is_loaded(optimizer):
    long = weights_of_a_run_that_is_loaded_halfway(lambda built: built.step, **optimizer)
    assert weights_of_a_run_that_is_loaded_halfway(fused.Step, **optimizer) == long


def test_a_fused_step_can_be_called_off_on_the_device():
    layer = network()
    built = optimizers.build(spec_of(type="adamw"), layer)
    step = fused.Step(built)
    for found in (0.0, 1.0):
        layer.weight.grad, layer.bias.grad = torch.full((1, 1), 0.5), torch.full((1,), 0.5)
        before = (layer.weight.item(), layer.bias.item())
        built.found_inf = torch.tensor(found)
        step()
        assert ((layer.weight.item(), layer.bias.item()) == before) is bool(found)
    assert built.state[layer.weight]["step"] == 1


def test_weight_decay_is_called_off_with_the_step():
    layer = network()
    built = optimizers.build(spec_of(type="sgd", weight_decay=0.5), layer)
    step = fused.Step(built)
    for found, moves in ((0.0, True), (1.0, False)):
        layer.weight.grad, layer.bias.grad = torch.full((1, 1), 0.5), torch.full((1,), 0.5)
        before = layer.weight.item()
        built.found_inf = torch.tensor(found)
        step()
        assert (layer.weight.item() != before) is moves


def test_weight_decay_spares_biases_norms_and_embeddings():
    parts = nn.ModuleDict({"table": nn.Embedding(3, 2), "norm": nn.BatchNorm1d(2), "linear": nn.Linear(2, 2)})
    built = optimizers.build(spec_of(type="adamw", weight_decay=0.5), parts)
    decays = {id(weight): group["weight_decay"] for group in built.param_groups for weight in group["params"]}
    assert {name for name, weight in parts.named_parameters() if decays[id(weight)]} == {"linear.weight"}
    assert len(decays) == len(list(parts.parameters()))
