"""L-BFGS: it is PyTorch's, it needs the full batch, and it goes on from its memory."""

import pytest
import torch

from models.errors import InvalidSpec
from tests.worker.training.material import Recording, session_for
from tests.worker.training.test_loop import LINEAR, loop_for

FULL = {"network": LINEAR, "schedule": None, "training": {"epochs": 3}, "early_stopping": None}


def test_a_step_is_that_of_pytorch(tmp_path):
    search = {"type": "lbfgs", "max_iterations": 3, "history_size": 4, "learning_rate": 0.7}
    loop = loop_for("prices", tmp_path, optimizer=search, **FULL)
    rows = loop.session.train
    theirs = torch.nn.Linear(2, 1)
    theirs.load_state_dict(loop.session.model.network.layers[0].state_dict())
    reference = torch.optim.LBFGS(
        theirs.parameters(), lr=0.7, max_iter=3, history_size=4, line_search_fn="strong_wolfe"
    )

    def closure():
        reference.zero_grad()
        loss = (theirs(rows.inputs["numbers"]) - rows.targets).square().mean()
        loss.backward()
        return loss

    for _ in range(3):
        loop.step(rows)
        reference.step(closure)
        assert torch.allclose(loop.session.model.network.layers[0].weight, theirs.weight, atol=1e-6)


@pytest.mark.parametrize("line_search", ["strong_wolfe", "none"])
def test_it_finds_the_least_squares_in_a_few_steps(tmp_path, line_search):
    search = {"type": "lbfgs", "line_search": line_search}
    loop = loop_for("prices", tmp_path, optimizer=search, **FULL)
    rows = loop.session.train
    loop.fit()
    ones = torch.ones(len(rows), 1)
    exact = torch.linalg.lstsq(torch.cat([rows.inputs["numbers"], ones], 1).double(), rows.targets.double()).solution
    layer = loop.session.model.network.layers[0]
    assert torch.allclose(torch.cat([layer.weight, layer.bias[:, None]], 1).T.double(), exact, atol=1e-4)


def test_each_setting_changes_the_step(tmp_path):
    def weight_after(**more):
        hidden = {**FULL, "network": {"type": "mlp", "hidden": [8], "norm": "none", "dropout": 0.0}}
        loop = loop_for("prices", tmp_path, optimizer={"type": "lbfgs", **more}, **hidden)
        loop.fit()
        return loop.session.model.network.layers[0].weight.detach()

    usual = weight_after()
    for more in ({"max_iterations": 2}, {"history_size": 1}, {"line_search": "none"}, {"learning_rate": 0.1}):
        assert not torch.equal(weight_after(**more), usual)


def test_the_first_evaluation_of_a_step_is_not_done_twice(tmp_path):
    loop = loop_for("prices", tmp_path, optimizer={"type": "lbfgs", "max_iterations": 1}, **FULL)
    calls = []
    backward = loop.backward
    loop.backward = lambda batch: calls.append(None) or backward(batch)
    loop.step(loop.session.train)
    evaluations = loop.session.update.optimizer.tensors()["func_evals"].item()
    assert len(calls) == evaluations >= 2


def test_auto_is_the_full_batch():
    spec = session_for("prices", optimizer="lbfgs", training={"epochs": 1}).spec
    assert spec.training.batch_size == "full"
    assert spec.regularization.gradient_clip is None


@pytest.mark.parametrize(
    ("sections", "pointer"),
    [
        ({"training": {"batch_size": 16}}, "#/training/batch_size"),
        ({"regularization": {"gradient_clip": {"norm": 1.0}}, "training": {}}, "#/regularization/gradient_clip"),
        ({"training": {"precision": "fp16"}}, "#/training/precision"),
        ({"optimizer": {"type": "lbfgs", "learning_rate": "auto"}}, "#/optimizer/learning_rate"),
        ({"optimizer": {"type": "lbfgs", "weight_decay": 0.1}}, "#/optimizer/weight_decay"),
    ],
)
def test_what_does_not_go_with_it_is_refused(sections, pointer):
    with pytest.raises(InvalidSpec) as caught:
        session_for("prices", **{"optimizer": "lbfgs", **sections})
    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_the_loss_that_is_told_is_that_before_the_step(tmp_path):
    told = Recording()
    loop = loop_for("prices", tmp_path, callback=told, optimizer="lbfgs", **FULL)
    layer, rows = loop.session.model.network.layers[0], loop.session.train
    before = (layer(rows.inputs["numbers"]) - rows.targets).square().mean().item()
    loop.fit()
    losses = [loss for _, loss in told.metrics["train/loss"]]
    assert losses[0] == pytest.approx(before, rel=1e-5)
    assert losses == sorted(losses, reverse=True)


def test_filters_that_lie_channels_last_are_learned(tmp_path):
    network = {"type": "cnn", "channels": [4], "hidden": [], "norm": "none", "dropout": 0.0}
    loop = loop_for("stripes", tmp_path, optimizer="lbfgs", **{**FULL, "network": network})
    filters = next(weight for weight in loop.session.model.network.parameters() if weight.ndim == 4)
    before, scored = filters.detach().clone(), loop.session.evaluation(loop.session.train)
    for _ in range(3):
        loop.step(loop.session.train)
    assert loop.session.evaluation(loop.session.train)["loss"] < 0.5 * scored["loss"]
    assert not torch.equal(filters, before)


def test_a_step_of_no_length_is_none(tmp_path):
    loop = loop_for("prices", tmp_path, optimizer="lbfgs", **{**FULL, "schedule": {"type": "linear", "warmup": "0%"}})
    assert loop.session.update.learning_rate(2) == 0
    weight = loop.session.model.network.layers[0].weight
    loop.step(loop.session.train)
    loop.step(loop.session.train)
    before = weight.detach().clone()
    loop.step(loop.session.train)
    assert torch.equal(weight, before)
