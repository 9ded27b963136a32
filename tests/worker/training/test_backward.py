"""The gradients of a batch: at once, in portions, and in smaller ones when memory runs out."""

import resource

import psutil
import pytest
import torch
from torch import nn

from models.errors import InvalidSpec
from tests.worker.training.families import FAMILIES
from tests.worker.training.material import Recording, session_for, train_on
from tests.worker.training.test_loop import BARE, loop_for
from worker.training import OutOfMemory
from worker.training.backward import Backward
from worker.training.callbacks import Callback
from worker.training.checkpoint import load
from worker.training.rows import Mixture, Rows

PLAIN = {"network": {"type": "mlp", "hidden": [16], "norm": "layer", "dropout": 0.0}}


def gradients_of(session, rows):
    session.model.double()
    session.loss.double()
    session.model.network.train()
    rows = Rows({name: _double(tensor) for name, tensor in rows.inputs.items()}, rows.targets, True, rows.mixture)
    loss, hits = Backward(session, Callback())(rows)
    found = {name: weight.grad.clone() for name, weight in session.model.named_parameters()}
    return loss.item(), int(hits), found


def _double(tensor):
    return tensor.double() if tensor.is_floating_point() else tensor


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"loss": {"type": "cross_entropy", "class_weight": {"a": 5.0, "b": 0.1}, "label_smoothing": 0.1}},
        {"loss": {"type": "focal", "class_weight": {"c": 7.0}}},
        {"loss": {"type": "binary_cross_entropy", "class_weight": "balanced"}},
        {"regularization": {"l1": 0.01, "l2": 0.1}},
    ],
)
@pytest.mark.parametrize("size", [1, 7, 16, 83])
def test_the_gradient_of_portions_is_that_of_the_batch(sections, size, mixed):
    def of(micro_batch_size):
        training = {"batch_size": 84, "micro_batch_size": micro_batch_size}
        session = session_for("flowers", training=training, **PLAIN, **sections)
        rows = session.train
        mixture = Mixture(rows.targets.flip(0), 0.3) if mixed else None
        return gradients_of(session, Rows(rows.inputs, rows.targets, rows.is_ready, mixture))

    (whole_loss, whole_hits, whole), (loss, hits, summed) = of("auto"), of(size)
    assert loss == pytest.approx(whole_loss, rel=1e-9)
    assert hits == whole_hits
    for name, gradient in whole.items():
        assert torch.allclose(summed[name], gradient, rtol=1e-6, atol=1e-9)


def test_the_portions_are_as_large_as_asked(tmp_path):
    loop = loop_for("prices", tmp_path, training={"batch_size": 56, "micro_batch_size": 24}, **BARE)
    sizes = []
    loop.session.model.network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0]["numbers"])))
    loop.step(loop.session.train.take(torch.arange(56)))
    assert sizes == [18, 19, 19]


def test_a_run_in_portions_ends_where_the_whole_batch_does(tmp_path):
    ends = []
    for size in ("auto", 5):
        training = {"epochs": 2, "batch_size": 28, "micro_batch_size": size}
        loop = loop_for("prices", tmp_path, training=training, **BARE)
        loop.fit()
        ends.append(loop.session.model.network.layers[0].weight.detach())
        assert loop.session.counters.step == 8
    assert torch.allclose(*ends, atol=1e-6)


class Tight(nn.Module):
    """A network in a memory that holds so many rows, as a GPU's allocator says it."""

    def __init__(self, network, *, room, mode=True):
        super().__init__()
        self.network, self.room, self.mode = network, room, mode

    def forward(self, batch):
        outputs = self.network(batch)
        if self.training is self.mode and len(outputs) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return outputs


def tight(loop, *, room):
    loop.session.model.network = Tight(loop.session.model.network, room=room)
    return loop


def test_portions_are_halved_until_they_fit_and_the_step_is_that_of_the_whole_batch(tmp_path):
    sections = {"training": {"epochs": 1, "batch_size": 112}, **BARE}
    whole, halved = loop_for("prices", tmp_path, **sections), loop_for("prices", tmp_path, **sections)
    tight(halved, room=30)
    for loop in (whole, halved):
        loop.fit()
    weights = [loop.session.model.state_dict() for loop in (whole, halved)]
    ours, theirs = (next(tensor for name, tensor in state.items() if name.endswith("weight")) for state in weights)
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert halved.session.portions.size == 28
    assert halved.session.plan == whole.session.plan
    assert halved.callback.warnings == [
        ("micro_batch_size", "Memory ran out with a batch of 112 rows; they now go through 56 at a time."),
        ("micro_batch_size", "Memory ran out with a batch of 112 rows; they now go through 28 at a time."),
    ]


@pytest.mark.parametrize(
    ("num_rows", "size", "sizes"), [(13, 6, [4, 4, 5]), (3, 2, [3]), (7, 2, [2, 2, 3]), (8, 8, [8])]
)
def test_no_portion_is_too_small_for_batch_norm(tmp_path, num_rows, size, sizes):
    norm = {**BARE, "network": {"type": "mlp", "hidden": [4], "norm": "batch"}}
    loop = loop_for("prices", tmp_path, training={"batch_size": 16, "micro_batch_size": size}, **norm)
    seen = []
    loop.session.model.network.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0]["numbers"])))
    loop.step(loop.session.train.take(torch.arange(num_rows)))
    assert seen == sizes


def test_batch_norm_of_single_rows_is_refused():
    with pytest.raises(InvalidSpec) as caught:
        session_for("prices", training={"micro_batch_size": 1}, network={"type": "mlp", "norm": "batch"})
    assert [error.pointer for error in caught.value.errors] == ["#/training/micro_batch_size"]


def test_batch_norm_does_not_count_the_rows_that_did_not_fit(tmp_path):
    norm = {"network": {"type": "mlp", "hidden": [4], "norm": "batch", "dropout": 0.0}}
    sections = {"optimizer": {"type": "sgd", "learning_rate": 1e-9}, "training": {"epochs": 1, "batch_size": 28}}
    whole = loop_for("prices", tmp_path, **sections, **norm)
    once = loop_for("prices", tmp_path, **sections, **norm)
    once.session.portions.size = 14
    halved = tight(loop_for("prices", tmp_path, **sections, **norm), room=20)
    for loop in (once, halved, whole):
        loop.session.model.network.train()
        loop.step(loop.session.train.take(torch.arange(28)))
    for ours, theirs in zip(halved.session.model.buffers(), once.session.model.buffers(), strict=True):
        assert torch.equal(ours, theirs)


def test_an_evaluation_that_does_not_fit_is_done_in_halves(tmp_path):
    session = loop_for("prices", tmp_path, **BARE).session
    whole = session.evaluation(session.validation)
    session.model.network = Tight(session.model.network, room=5, mode=False)
    assert session.evaluation(session.validation) == pytest.approx(whole, rel=1e-6)
    session.model.network.room = 0
    with pytest.raises(torch.OutOfMemoryError):
        session.evaluation(session.validation)


def test_a_row_that_does_not_fit_alone_ends_the_run(tmp_path):
    loop = tight(loop_for("prices", tmp_path, **BARE), room=0)
    with pytest.raises(OutOfMemory, match="too little memory for a single row"):
        loop.fit()


def test_a_size_that_was_asked_for_is_not_made_smaller(tmp_path):
    loop = loop_for("prices", tmp_path, training={"batch_size": 56, "micro_batch_size": 28}, **BARE)
    with pytest.raises(OutOfMemory, match="micro-batches of 28 rows") as caught:
        tight(loop, room=20).fit()
    assert caught.value.param == "#/training/micro_batch_size"


def test_another_error_is_passed_on(tmp_path):
    loop = loop_for("prices", tmp_path, **BARE)
    loop.session.model.network.layers[0] = nn.Linear(7, 1)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        loop.fit()


def test_the_size_that_was_found_goes_on(tmp_path):
    sections = {"training": {"epochs": 2, "batch_size": 56}, "checkpoints": {"every": "1 step"}, **BARE}
    tight(loop_for("prices", tmp_path, **sections), room=30).fit()
    snapshot = load(tmp_path / "1")
    assert snapshot.state["micro_batch_size"] == 28
    loop = tight(loop_for("prices", tmp_path, **sections), room=30)
    loop.session.restore(snapshot)
    loop.fit()
    assert loop.session.portions.size == 28
    assert loop.callback.warnings == []


def test_real_memory_that_runs_out_is_taken_in_portions(tmp_path):
    """The address space of this process is bounded so that the whole batch cannot be allocated, half of it can."""
    wide = {"type": "mlp", "hidden": [16384], "norm": "none", "dropout": 0.0}
    bare = {**BARE, "network": wide, "training": {"epochs": 1, "batch_size": 5000}}
    loop = loop_for("prices", tmp_path, **bare)
    rows = loop.session.train
    many = rows.take(torch.arange(5000) % len(rows))
    loop.session.model.network.train()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (taken + (500 << 20), hard))
    try:
        loop.step(many)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert loop.session.portions.size in (625, 1250, 2500)
    assert loop.callback.warnings[0][0] == "micro_batch_size"
    assert loop.session.counters.step == 1


@pytest.mark.parametrize("size", [0, -1, "half", 2.5])
def test_a_size_that_means_nothing_is_refused(size):
    with pytest.raises(InvalidSpec) as caught:
        session_for("prices", training={"micro_batch_size": size})
    assert [error.pointer for error in caught.value.errors] == ["#/training/micro_batch_size"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_learns_in_portions(family, tmp_path):
    name, sections = FAMILIES[family]
    told = Recording()
    training = {"epochs": 4, "batch_size": 16, "micro_batch_size": 6}
    train_on(name, tmp_path, callbacks=[told], **{**sections, "training": training})
    losses = [loss for _, loss in told.metrics["validation/loss"]]
    assert losses[-1] < losses[0]
