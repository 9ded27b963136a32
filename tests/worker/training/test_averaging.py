"""The average of the weights: its formula, who sees it, and that it is gone on with."""

import pytest
import torch

from models.errors import InvalidSpec
from tests.worker.training.material import Recording, session_for, train_on
from tests.worker.training.test_loop import loop_for
from worker.training import Order
from worker.training.checkpoint import load

NETWORK = {"network": {"type": "mlp", "hidden": [8], "norm": "batch"}}


def with_ema(**ema):
    return {**NETWORK, "regularization": {"ema": ema}}


def weights_along(loop):
    """The weights and statistics of the network before the first step and after each."""
    names = loop.session.average.raw()

    def now():
        state = loop.session.model.state_dict()
        return {name: state[name].clone() for name in names}

    seen, update = [now()], loop.session.average.take_in

    def noted(**counts):
        seen.append(now())
        update(**counts)

    loop.session.average.take_in = noted
    return seen


@pytest.mark.parametrize("ema", [{"decay": 0.8}, {"half_life": "25%"}])
def test_the_average_is_the_running_mean_of_weights_and_statistics(tmp_path, ema):
    loop = loop_for("prices", tmp_path, training={"epochs": 3, "batch_size": 28}, **with_ema(**ema))
    seen = weights_along(loop)
    loop.fit()
    assert len(seen) == 13
    decay = ema.get("decay", 0.5 ** (1 / 3))  # a quarter of 12 steps is 3
    mean = {name: tensor.double() for name, tensor in seen[0].items()}
    for number, weights in enumerate(seen[1:], 1):
        share = min(decay, (1 + number) / (10 + number))
        mean = {name: share * mean[name] + (1 - share) * tensor.double() for name, tensor in weights.items()}
    found = loop.session.average.weights()
    assert {name for name in mean if "running" in name}
    for name, tensor in mean.items():
        assert torch.allclose(found[name].double(), tensor, atol=1e-6)
        assert not torch.equal(found[name], seen[-1][name])


def test_a_short_job_forgets_the_initial_weights():
    loop_decay = session_for(
        "prices", training={"epochs": 2, "batch_size": 28}, **with_ema(half_life="3%")
    ).average.decay
    assert loop_decay == 0.5


def test_the_average_is_validated_and_the_raw_weights_go_on_training(tmp_path):
    loop = loop_for("prices", tmp_path, training={"epochs": 2, "batch_size": 28}, **with_ema(decay=0.9))
    loop.fit()
    session = loop.session
    raw = session.evaluation(session.validation)["loss"]
    with session.as_validated():
        averaged = session.evaluation(session.validation)["loss"]
    assert loop.callback.metrics["validation/loss"][-1][1] == averaged != raw
    assert session.evaluation(session.validation)["loss"] == raw


def test_what_is_returned_is_the_average_and_the_raw_weights_travel_along(tmp_path):
    sections = {**with_ema(decay=0.9), "early_stopping": None}
    result = train_on("prices", tmp_path, **sections)
    last = load(tmp_path / str(result.step))
    assert last.raw
    assert all(last.weights[name].shape == tensor.shape for name, tensor in last.raw.items())
    assert any(not torch.equal(last.weights[name], tensor) for name, tensor in last.raw.items())
    session = session_for("prices", **sections)
    session.model.load_state_dict(last.weights)
    scores = session.evaluation(session.validation)
    assert result.result["last"]["metrics"]["validation/loss"] == pytest.approx(scores["loss"], rel=1e-6)


def test_without_it_no_raw_weights_are_kept(tmp_path):
    result = train_on("prices", tmp_path, **NETWORK)
    assert load(tmp_path / str(result.step)).raw == {}
    assert not (tmp_path / str(result.step) / "raw.safetensors").exists()


@pytest.mark.parametrize("cut", [3, 7])
def test_a_run_goes_on_with_the_raw_weights_and_the_average(tmp_path, cut):
    sections = with_ema(half_life="20%")
    whole = train_on("prices", tmp_path / "whole", **sections)
    train_on("prices", tmp_path / "part", callbacks=[Recording(order=Order.PAUSE, at=cut)], **sections)
    rest = train_on("prices", tmp_path / "rest", resume=tmp_path / "part" / str(cut), **sections)
    assert rest.result["weights_sha256"] == whole.result["weights_sha256"]
    for step in {path.name for path in (tmp_path / "rest").iterdir()} & {
        path.name for path in (tmp_path / "whole").iterdir()
    }:
        one, other = load(tmp_path / "rest" / step), load(tmp_path / "whole" / step)
        assert all(torch.equal(one.raw[name], other.raw[name]) for name in other.raw)


@pytest.mark.parametrize(
    ("ema", "pointer"),
    [
        ({}, "#/regularization/ema"),
        ({"decay": 0.9, "half_life": "3%"}, "#/regularization/ema"),
        ({"decay": 1.0}, "#/regularization/ema/decay"),
        ({"half_life": "0%"}, "#/regularization/ema/half_life"),
    ],
)
def test_an_average_of_no_length_or_of_two_is_refused(ema, pointer):
    with pytest.raises(InvalidSpec) as caught:
        session_for("prices", **with_ema(**ema))
    assert [error.pointer for error in caught.value.errors] == [pointer]
