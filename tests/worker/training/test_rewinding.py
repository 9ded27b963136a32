"""A run that diverges goes back to its last checkpoint and on with a lower rate, where the spec says so."""

import pytest
import torch

from tests.worker.training.material import Recording, train_on
from worker.training import Diverged, Order
from worker.training.checkpoint import load

PLAIN_SGD = {"type": "sgd", "momentum": 0.0}
BARE = {"network": {"type": "mlp", "hidden": []}, "schedule": None, "regularization": None, "early_stopping": None}
#: Gradient descent that explodes on the prices within some steps, because its rate is far too high.
EXPLODING = {**BARE, "optimizer": {**PLAIN_SGD, "learning_rate": 1e4}, "checkpoints": {"every": "2 steps"}}


def on_divergence(policy):
    return {"training": {"epochs": 8, "batch_size": "full", "on_divergence": policy}}


def test_a_run_that_diverges_goes_back_to_its_checkpoint_and_on_with_a_lower_rate(tmp_path):
    told = Recording()
    policy = {"type": "rewind", "factor": 1e-6, "max_times": 1}
    result = train_on("prices", tmp_path, callbacks=[told], **EXPLODING, **on_divergence(policy))
    assert result.step == 8
    (step,) = told.rewound
    assert step % 2 == 0
    rates = told.metrics["train/learning_rate"]
    assert [rate for at, rate in rates if at > step][-(8 - step) :] == pytest.approx([1e-2] * (8 - step))
    assert [code for code, _ in told.warnings] == ["rewound"]
    weights = load(tmp_path / "8").weights
    assert all(bool(torch.isfinite(tensor).all()) for tensor in weights.values())


def test_a_run_that_diverges_more_often_than_it_may_fails_with_a_finite_checkpoint(tmp_path):
    told = Recording()
    policy = {"type": "rewind", "factor": 0.5, "max_times": 2}
    with pytest.raises(Diverged):
        train_on("prices", tmp_path, callbacks=[told], **EXPLODING, **on_divergence(policy))
    assert len(told.rewound) == 2
    assert all(load(saved.path).weights for saved in told.checkpoints)


def test_a_rewound_run_that_is_interrupted_ends_with_the_same_bits(tmp_path):
    policy = {"type": "rewind", "factor": 1e-6, "max_times": 1}
    whole = train_on("prices", tmp_path / "whole", **EXPLODING, **on_divergence(policy))
    drained = Recording(order=Order.DRAIN, at=7)
    train_on("prices", tmp_path / "part", callbacks=[drained], **EXPLODING, **on_divergence(policy))
    assert drained.rewound
    rest = train_on("prices", tmp_path / "rest", resume=tmp_path / "part" / "7", **EXPLODING, **on_divergence(policy))
    assert rest.result["weights_sha256"] == whole.result["weights_sha256"]


@pytest.mark.parametrize("policy", [{}, {"on_divergence": "fail"}], ids=["default", "asked"])
def test_by_default_a_run_that_diverges_fails_at_once(tmp_path, policy):
    told = Recording()
    training = {"epochs": 8, "batch_size": "full", **policy}
    with pytest.raises(Diverged):
        train_on("prices", tmp_path, callbacks=[told], **EXPLODING, training=training)
    assert told.rewound == []
