"""The loss of a batch: over heads, over mixed targets, and over the portions of a batch."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from models.spec import parse
from tests.worker.training.test_loop import BARE, loop_for
from worker.training import losses
from worker.training.data import Signature
from worker.training.objective import batch_loss, num_right, portion_loss
from worker.training.rows import Mixture, Rows
from worker.training.update import Update

THREE = Signature(kind="table", task="classification", num_outputs=3, num_numbers=1, classes=("a", "b", "c"))
WEIGHTS = {"a": 0.2, "c": 5.0}


def loss_for(**spec):
    described = {"type": "cross_entropy", **spec}
    return losses.build(parse({"data": {"dataset": "x"}, "loss": described}).loss, THREE, counts=torch.ones(3))


def rows_of(num, *, seed=0, mixed=False):
    random = torch.Generator().manual_seed(seed)
    targets, others = (torch.randint(3, (num,), generator=random) for _ in range(2))
    outputs = torch.randn(num, 3, generator=random, dtype=torch.float64)
    return outputs, Rows({"numbers": outputs}, targets, is_ready=True, mixture=Mixture(others, 0.3) if mixed else None)


def test_the_loss_of_mixed_rows_is_that_of_both_targets_in_their_shares():
    outputs, rows = rows_of(7, mixed=True)
    expected = 0.3 * functional.cross_entropy(outputs, rows.targets)
    expected += 0.7 * functional.cross_entropy(outputs, rows.mixture.targets)
    assert batch_loss(loss_for(), outputs, rows).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("spec", [{}, {"class_weight": WEIGHTS}, {"label_smoothing": 0.2}])
def test_the_loss_of_many_heads_is_the_mean_of_their_losses(spec):
    loss = loss_for(**spec)
    heads = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(1))
    rows = rows_of(5)[1]
    each = [loss(heads[:, head], rows.targets) for head in range(4)]
    assert batch_loss(loss, heads, rows).item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-6)


def test_the_heads_vote_by_their_mean_probability():
    sure, unsure = [0.0, 9.0, 0.0], [0.5, 0.0, 0.0]
    assert num_right(torch.tensor([[sure, unsure, unsure]]), torch.tensor([1])) == 1
    assert num_right(torch.tensor([sure, unsure]), torch.tensor([1, 1])) == 1


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("spec", [{}, {"class_weight": WEIGHTS}, {"class_weight": WEIGHTS, "label_smoothing": 0.1}])
@pytest.mark.parametrize("size", [1, 3, 4, 11])
def test_the_losses_of_portions_sum_to_that_of_the_whole(spec, mixed, size):
    loss = loss_for(**spec).double()
    outputs, rows = rows_of(11, mixed=mixed)
    parts = [portion_loss(loss, part.inputs["numbers"], part, of=rows) for part in rows.slices(size)]
    assert sum(parts).item() == pytest.approx(batch_loss(loss, outputs, rows).item(), rel=1e-12)


class Drawing(nn.Module):
    """Adds a number that is drawn, and keeps it."""

    def __init__(self):
        super().__init__()
        self.drawn = []

    def forward(self, rows):
        self.drawn.append(torch.rand(()).item())
        inputs = {name: tensor + self.drawn[-1] for name, tensor in rows.inputs.items()}
        return Rows(inputs, rows.targets, rows.is_ready, Mixture(rows.targets.flip(0), 0.5))


def test_augmentation_draws_by_the_number_of_the_step_and_changes_what_is_learned(tmp_path):
    first, again = (loop_for("prices", tmp_path, training={"epochs": 1, "batch_size": 28}, **BARE) for _ in range(2))
    for loop in (first, again):
        loop.session.augmentation = Drawing()
        loop.fit()
    assert first.session.augmentation.drawn == again.session.augmentation.drawn
    assert len(set(first.session.augmentation.drawn)) == first.session.counters.step == 4
    plain = loop_for("prices", tmp_path, training={"epochs": 1, "batch_size": 28}, **BARE)
    plain.fit()
    assert plain.callback.metrics["train/loss"] != first.callback.metrics["train/loss"]


def test_augmentation_rests_while_validating(tmp_path):
    loop = loop_for("prices", tmp_path, **BARE)
    loop.session.augmentation = Drawing()
    loop.validate()
    assert loop.session.augmentation.drawn == []


class Heads(nn.Module):
    """Three heads while training, their mean afterwards."""

    def __init__(self):
        super().__init__()
        self.heads = nn.Linear(2, 3)

    def forward(self, batch):
        outputs = self.heads(batch["numbers"])[:, :, None]
        return outputs if self.training else outputs.mean(1)


def test_a_network_with_heads_trains_each_on_the_same_rows_and_answers_as_one(tmp_path):
    loop = loop_for("prices", tmp_path, training={"epochs": 1, "batch_size": "full"}, **BARE)
    session = loop.session
    session.model.network = Heads()
    session.update = Update(session.spec, session.model, session.plan)
    rows = session.train
    errors = session.model.network.heads(rows.inputs["numbers"]) - rows.targets
    loop.step(rows)
    loop.recorder.flush()
    assert loop.callback.metrics["train/loss"] == [(1, pytest.approx(errors.square().mean().item(), rel=1e-5))]
    with torch.no_grad():
        values = session.model.network.heads(rows.inputs["numbers"]).mean(1, keepdim=True)
    assert session.evaluation(rows)["loss"] == pytest.approx((values - rows.targets).square().mean().item(), rel=1e-5)
