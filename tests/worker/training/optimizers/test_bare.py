"""A step without PyTorch's decorators is the same step, and needs no compiler."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn, optim

from worker.training.optimizers import DecoupledSGD, bare

ROOT = Path(__file__).parents[4]

MAKERS = {
    "adam": lambda weights: optim.Adam(weights, fused=True),
    "adamw": lambda weights: optim.AdamW(weights, fused=True),
    "nadam": optim.NAdam,
    "radam": optim.RAdam,
    "rmsprop": lambda weights: optim.RMSprop(weights, momentum=0.5),
    "adagrad": optim.Adagrad,
    "adadelta": optim.Adadelta,
}

#: Trains a job and steps every optimizer that PyTorch has written, then tells which compilers are there.
PROGRAM = """
import sys, tempfile
from pathlib import Path
from torch import nn, optim
from tests.worker.training.optimizers.test_bare import MAKERS, gradients
from worker.training.optimizers import bare
from worker.warm_up import warm_up
warm_up()
for make in MAKERS.values():
    network = nn.Linear(3, 2)
    optimizer = make(network.parameters())
    gradients(network, 0)
    bare.step(optimizer)
    optimizer.zero_grad()
    optimizer.load_state_dict(optimizer.state_dict())
print([name for name in ("torch._dynamo", "torch._inductor", "sympy", "torchmetrics") if name in sys.modules])
"""


def gradients(network, seed):
    generator = torch.Generator().manual_seed(seed)
    for weight in network.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)


def stepped(make, step):
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    optimizer = make(network.parameters())
    for number in range(4):
        gradients(network, number)
        step(optimizer)
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


@pytest.mark.parametrize("name", MAKERS)
def test_it_is_the_step_that_the_optimizer_takes_itself(name):
    ours, theirs = stepped(MAKERS[name], bare.step), stepped(MAKERS[name], lambda optimizer: optimizer.step())
    assert torch.equal(ours, theirs)


def test_a_gradient_is_not_followed_through_a_step():
    network = nn.Linear(3, 2)
    optimizer = DecoupledSGD([{"params": list(network.parameters()), "decoupled_weight_decay": 0.1}], momentum=0.9)
    gradients(network, 0)
    bare.step(optimizer)
    assert all(weight.is_leaf and weight.requires_grad for weight in network.parameters())


def test_nothing_that_a_usual_job_does_imports_a_compiler_or_torchmetrics():
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
