"""Gradients are measured, refused and bounded; penalties are terms of the loss."""

import math

import pytest
import torch
from torch import nn

from models.spec.regularization import GradientClip, Regularization
from tests.worker.training.material import session_for
from worker.training import Diverged
from worker.training.gradients import Penalty, clip, gradient_norm, refuse_poison

SGD = torch.optim.SGD([nn.Parameter(torch.zeros(1))])


def gradients():
    return [torch.tensor([[3.0, 0.0]]), torch.tensor([-4.0])]


def test_the_norm_is_the_length_of_all_gradients_together():
    assert float(gradient_norm(gradients())) == 5.0


def test_clipping_by_norm_scales_all_by_one_factor():
    bounded = gradients()
    clip(bounded, gradient_norm(bounded), GradientClip(norm=1.0))
    assert [tensor.tolist() for tensor in bounded] == [[[pytest.approx(0.6), 0.0]], [pytest.approx(-0.8)]]


def test_a_gradient_within_the_bound_is_left_alone():
    for bound in (GradientClip(norm=5.0), GradientClip(value=4.0), None):
        kept = gradients()
        clip(kept, gradient_norm(kept), bound)
        assert [tensor.tolist() for tensor in kept] == [tensor.tolist() for tensor in gradients()]


def test_clipping_by_value_bounds_each_entry():
    bounded = gradients()
    clip(bounded, gradient_norm(bounded), GradientClip(value=2.0))
    assert [tensor.tolist() for tensor in bounded] == [[[2.0, 0.0]], [-2.0]]


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_is_refused_with_its_step(poison):
    norm = gradient_norm([torch.tensor([1.0, poison])])
    with pytest.raises(Diverged, match="The gradient of step 7 is not finite") as caught:
        refuse_poison(norm, step=7, optimizer=SGD)
    assert (caught.value.code, caught.value.step, caught.value.fault) == ("diverged", 7, "user")


def test_a_finite_gradient_passes():
    assert refuse_poison(gradient_norm(gradients()), step=1, optimizer=SGD) is None


def network():
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[2.0, -3.0]]))
        layer.bias.fill_(5.0)
    return layer


def test_penalties_are_terms_of_the_loss_and_spare_the_bias():
    layer = network()
    penalty = Penalty(Regularization(l1=0.1, l2=0.01), layer)
    loss = penalty.added_to(torch.tensor(1.0))
    assert loss.item() == pytest.approx(1.0 + 0.1 * 5 + 0.01 / 2 * 13)
    loss.backward()
    assert layer.weight.grad.tolist() == [[pytest.approx(0.1 + 0.02), pytest.approx(-0.1 - 0.03)]]
    assert layer.bias.grad is None


def test_without_penalties_the_loss_is_untouched():
    loss = torch.tensor(1.0)
    assert Penalty(Regularization(), network()).added_to(loss) is loss


def weights_after_a_step(**sections):
    session = session_for("prices", network={"type": "mlp", "hidden": []}, schedule=None, **sections)
    loss = session.penalty.added_to(session.loss(session.model.network(session.train.inputs), session.train.targets))
    loss.backward()
    session.update(step=0)
    return session.model.network.layers[0].weight


def test_l2_is_not_weight_decay_for_an_adaptive_optimizer():
    plain = weights_after_a_step(optimizer={"type": "adamw", "weight_decay": 0.0})
    decay = weights_after_a_step(optimizer={"type": "adamw", "weight_decay": 0.5})
    penalty = weights_after_a_step(
        optimizer={"type": "adamw", "weight_decay": 0.0}, regularization={"l2": 0.5, "gradient_clip": None}
    )
    assert not torch.allclose(decay, plain, atol=1e-6)
    assert not torch.allclose(penalty, decay, atol=1e-6)


def test_l2_is_weight_decay_for_plain_gradient_descent():
    sgd = {"type": "sgd", "momentum": 0.0, "learning_rate": 0.1}
    decay = weights_after_a_step(optimizer={**sgd, "weight_decay": 0.5}, regularization=None)
    penalty = weights_after_a_step(optimizer=sgd, regularization={"l2": 0.5, "gradient_clip": None})
    assert torch.allclose(decay, penalty, atol=1e-7)
