"""The arithmetic of a step, and the scale of the loss in fp16."""

import math

import pytest
import torch

from tests.worker.training.families import FAMILIES
from tests.worker.training.material import CPU, Recording, session_for, train_on
from tests.worker.training.test_loop import loop_for
from worker.training import Diverged, Order, TrainingError
from worker.training.checkpoint import load
from worker.training.precision import LossScale, arithmetic, chosen

MLP = {"network": {"type": "mlp", "hidden": [16], "norm": "batch"}}


def test_auto_is_fp32_on_the_cpu():
    assert chosen("auto", CPU) == "fp32"
    assert chosen("bf16", CPU) == "bf16"


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_matrices_are_multiplied_in_the_precision_that_is_asked_for(precision, dtype):
    matrix = torch.ones(4, 4)
    with arithmetic(precision, CPU):
        assert (matrix @ matrix).dtype is dtype


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_network_learns_in_half_the_bits_and_keeps_its_weights_in_all(precision, tmp_path):
    told = Recording()
    train_on(
        "flowers", tmp_path, callbacks=[told], **MLP, training={"epochs": 6, "batch_size": 16, "precision": precision}
    )
    losses = [loss for _, loss in told.metrics["validation/loss"]]
    assert losses[-1] < 0.8 * losses[0]
    newest = max(tmp_path.iterdir(), key=lambda path: int(path.name))
    assert {tensor.dtype for name, tensor in load(newest).weights.items() if name.endswith("weight")} == {torch.float32}


def scaled(values, scale):
    gradients = [torch.tensor(values) * scale]
    return gradients, torch.linalg.vector_norm(gradients[0])


def test_scaled_gradients_are_made_true():
    scale = LossScale()
    gradients, norm = scaled([3.0, 4.0], scale.scale)
    assert scale.unscale(gradients, norm, step=1).item() == 5.0
    assert gradients[0].tolist() == [3.0, 4.0]
    assert (scale.scale, scale.num_skipped) == (2.0**16, 0)


@pytest.mark.parametrize("poison", [math.inf, math.nan])
def test_an_overflow_skips_the_step_and_halves_the_scale(poison):
    scale = LossScale()
    gradients, norm = scaled([1.0, poison], scale.scale)
    assert scale.unscale(gradients, norm, step=1) is None
    assert (scale.scale, scale.num_skipped) == (2.0**15, 1)


def test_the_scale_doubles_after_many_good_steps_in_a_row():
    scale = LossScale()
    good, bad = scaled([1.0], 1.0), scaled([math.inf], 1.0)
    for _ in range(LossScale.GOOD_STEPS_TO_GROW - 1):
        scale.unscale([good[0][0].clone()], good[1], step=1)
    assert scale.unscale(*bad, step=1) is None
    for number in range(LossScale.GOOD_STEPS_TO_GROW):
        assert scale.scale == 2.0**15, number
        scale.unscale([good[0][0].clone()], good[1], step=1)
    assert scale.scale == 2.0**16


def test_a_run_that_overflows_at_any_scale_has_diverged():
    scale = LossScale()
    with pytest.raises(Diverged, match="step 7"):
        for _ in range(17):
            scale.unscale(*scaled([math.nan], 1.0), step=7)


class Overflowing(torch.nn.Module):
    """Makes the gradients of some steps infinite."""

    def __init__(self, network, *, at):
        super().__init__()
        self.network, self.at, self.num_steps = network, at, 0

    def forward(self, batch):
        outputs = self.network(batch)
        if self.training:
            self.num_steps += 1
            if self.num_steps in self.at:
                outputs.register_hook(lambda gradient: gradient * math.inf)
        return outputs


def test_a_skipped_step_moves_nothing_and_is_no_progress_of_the_schedule(tmp_path):
    sections = {"schedule": {"type": "linear", "warmup": "0%"}, "optimizer": {"type": "sgd", "learning_rate": 0.1}}
    training = {"epochs": 2, "batch_size": 28, "precision": "fp16"}
    network = {"type": "mlp", "hidden": [], "norm": "none"}
    loop = loop_for("prices", tmp_path, training=training, network=network, **sections)
    loop.session.model.network = Overflowing(loop.session.model.network, at={3, 4})
    loop.session.update.loss_scale.scale = 64.0
    loop.fit()
    told = loop.callback.metrics
    assert [step for step, _ in told["train/loss"]] == [1, 2, 5, 6, 7, 8]
    assert [rate for _, rate in told["train/learning_rate"]] == pytest.approx([0.1 * (1 - n / 7) for n in range(6)])
    assert told["train/loss_scale"] == [(3, 32.0), (4, 16.0)]
    assert loop.session.counters.step == 8


def test_the_norm_and_the_loss_that_are_told_are_not_scaled(tmp_path):
    def first(precision):
        loop = loop_for("flowers", tmp_path, **MLP, training={"epochs": 1, "batch_size": 84, "precision": precision})
        loop.fit()
        return loop.callback.metrics["train/loss"][0][1], loop.callback.metrics["train/gradient_norm"][0][1]

    assert first("fp16") == pytest.approx(first("fp32"), rel=0.02)


@pytest.mark.parametrize("cut", [2, 5])
def test_the_scale_goes_on_from_a_checkpoint(tmp_path, cut, monkeypatch):
    monkeypatch.setattr(LossScale, "GOOD_STEPS_TO_GROW", 3)
    sections = {**MLP, "training": {"epochs": 2, "batch_size": 16, "precision": "fp16"}}
    whole = train_on("flowers", tmp_path / "whole", **sections)
    train_on("flowers", tmp_path / "part", callbacks=[Recording(order=Order.PAUSE, at=cut)], **sections)
    assert load(tmp_path / "part" / str(cut)).state["update"]["loss_scale"]["num_good"] == cut % 3
    rest = train_on("flowers", tmp_path / "rest", resume=tmp_path / "part" / str(cut), **sections)
    assert rest.result["weights_sha256"] == whole.result["weights_sha256"]


def test_other_arithmetic_needs_no_scale():
    for precision in ("fp32", "bf16"):
        assert session_for("flowers", **MLP, training={"precision": precision}).update.loss_scale is None


def test_what_the_cpu_cannot_compute_is_refused(tmp_path):
    name, sections = FAMILIES["lstm"]
    with pytest.raises(TrainingError, match="no recurrent layers in fp16 on the CPU") as caught:
        train_on(name, tmp_path, **{**sections, "training": {"precision": "fp16"}})
    assert caught.value.param == "#/training/precision"
