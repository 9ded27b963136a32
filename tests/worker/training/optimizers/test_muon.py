"""Muon against PyTorch's for matrices, and what it does with everything else."""

import pytest
import torch
from torch import nn

from models.spec import parse
from tests.worker.training.material import session_for
from worker.training import TrainingError, fused, optimizers
from worker.training.optimizers.muon import orthogonalized

SETTINGS = {"learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.1, "betas": [0.8, 0.95], "eps": 1e-6}


def spec_of(**more):
    return parse({"data": {"dataset": "x"}, "optimizer": {"type": "muon", **SETTINGS, **more}}).optimizer


def layers():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Linear(8, 4), nn.Linear(4, 6), nn.Linear(6, 3))


def gradients_into(network, *, seed):
    random = torch.Generator().manual_seed(seed)
    for weight in network.parameters():
        weight.grad = torch.randn(weight.shape, generator=random)


def after_steps(network, take):
    for seed in range(4):
        gradients_into(network, seed=seed)
        take()
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


@pytest.mark.parametrize("nesterov", [True, False])
def test_hidden_matrices_move_as_by_the_muon_of_pytorch(nesterov):
    ours, theirs = layers(), layers()
    moved = after_steps(ours, fused.Step(optimizers.build(spec_of(nesterov=nesterov), ours)))
    hidden = [theirs[2].weight, theirs[3].weight]
    reference = torch.optim.Muon(
        hidden, lr=0.02, weight_decay=0.1, momentum=0.9, nesterov=nesterov, adjust_lr_fn="match_rms_adamw"
    )
    expected = after_steps(theirs, reference.step)
    for name in ("2.weight", "3.weight"):
        assert torch.allclose(moved[name], expected[name], atol=1e-6)
        assert not torch.allclose(moved[name], layers().get_parameter(name), atol=1e-2)


def test_everything_else_moves_as_by_adamw_and_only_matrices_decay():
    ours, theirs = layers(), layers()
    moved = after_steps(ours, fused.Step(optimizers.build(spec_of(), ours)))
    rest = {name: weight for name, weight in theirs.named_parameters() if name not in ("2.weight", "3.weight")}
    outer = [rest.pop("0.weight"), rest.pop("4.weight")]
    groups = [{"params": outer, "weight_decay": 0.1}, {"params": list(rest.values()), "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, lr=0.02, betas=(0.8, 0.95), eps=1e-6)
    expected = after_steps(theirs, reference.step)
    for name in ("0.weight", "4.weight", *rest):
        assert torch.allclose(moved[name], expected[name], atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 3), (3, 8), (6, 6)])
def test_the_momentum_is_made_orthogonal(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    lengths = torch.linalg.svdvals(orthogonalized(matrix).float())
    assert 0.6 < lengths.min() <= lengths.max() < 1.3


def test_a_filter_is_a_matrix_of_one_row_per_output_channel():
    filters = nn.Conv2d(3, 4, 2)
    plain = nn.Linear(12, 4)
    around = [nn.Sequential(nn.Linear(1, 1), middle, nn.Linear(1, 1)) for middle in (filters, plain)]
    around[0].to(memory_format=torch.channels_last)
    with torch.no_grad():
        plain.weight.copy_(filters.weight.reshape(4, 12))
    gradient = torch.randn(4, 12, generator=torch.Generator().manual_seed(3))
    for network, middle in zip(around, (filters, plain), strict=True):
        for weight in network.parameters():
            weight.grad = torch.zeros_like(weight)
        middle.weight.grad = gradient.reshape(middle.weight.shape).clone()
        optimizers.build(spec_of(), network).step()
    assert torch.allclose(filters.weight.reshape(4, 12), plain.weight, atol=1e-6)


def test_embeddings_are_no_matrices():
    network = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    orthogonal = [group for group in optimizers.build(spec_of(), network).param_groups if group["orthogonal"]]
    assert [group["params"] for group in orthogonal] == [[network[2].weight]]


def test_a_network_without_hidden_matrices_is_refused_by_name():
    with pytest.raises(TrainingError, match="none between its first and its last layer") as caught:
        session_for("prices", network={"type": "mlp", "hidden": [4]}, optimizer="muon")
    assert caught.value.param == "#/optimizer/type"
