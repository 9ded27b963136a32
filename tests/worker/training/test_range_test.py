"""The learning-rate range test finds a rate that is good, the same every time, and leaves no trace."""

import shutil

import pytest
import torch

from models.errors import InvalidSpec
from models.spec import document, parse
from tests.worker.training.families import FAMILIES
from tests.worker.training.material import Recording, session_for, train_on
from tests.worker.training.test_loop import BARE, PLAIN_SGD
from worker.training import Callback, Order, range_test
from worker.training.checkpoint import load
from worker.training.range_test import FEWEST_STEPS, MOST_STEPS, find_rate, smoothed

MLP = {"network": {"type": "mlp", "hidden": [16], "norm": "batch", "dropout": 0.2}}
AUTO = {**MLP, "optimizer": {"type": "adamw", "learning_rate": "auto"}}


def test_the_rate_of_gradient_descent_is_below_the_one_that_diverges_and_not_by_far():
    session = session_for("prices", training={"epochs": 200, "batch_size": "full"}, **BARE)
    inputs = session.train.inputs["numbers"]
    curvature = 2 * torch.linalg.eigvalsh(inputs.T @ inputs / len(inputs)).max().item()
    rate = find_rate(session, Callback())
    assert 0.02 < rate * curvature < 2  # gradient descent on a parabola converges below 2 / curvature


def test_it_leaves_the_session_as_it_was_and_finds_the_same_again():
    session = session_for("flowers", **MLP)
    before = {name: tensor.clone() for name, tensor in session.model.state_dict().items()}
    rates = {find_rate(session, Callback()) for _ in range(2)}
    assert len(rates) == 1
    after = session.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert session.counters.step == 0
    assert session.update.optimizer.state == {}
    assert all(weight.grad is None for weight in session.model.parameters())


class Counting(Callback):
    def __init__(self, order=None):
        self.num_steps, self.given = 0, order

    def on_sign(self):
        self.num_steps += 1

    def order(self):
        return self.given


@pytest.mark.parametrize(("training", "most"), [({"epochs": 500}, MOST_STEPS), ({"epochs": 1}, FEWEST_STEPS)])
def test_it_takes_few_steps(training, most):
    counting = Counting()
    find_rate(session_for("flowers", training=training, **MLP), counting)
    assert 10 < counting.num_steps <= most


def test_it_stops_where_the_loss_has_blown_up():
    counting = Counting()
    session = session_for("prices", training={"epochs": 200, "batch_size": "full"}, **BARE)
    find_rate(session, counting)
    assert counting.num_steps < MOST_STEPS


def test_whoever_cancels_does_not_wait_for_it():
    counting = Counting(Order.CANCEL)
    find_rate(session_for("flowers", **MLP), counting)
    assert counting.num_steps == 0


def test_where_nothing_helps_the_rate_is_the_usual_one():
    session = session_for("prices", training={"epochs": 1, "batch_size": "full"}, **BARE)
    session.train.targets[:] = float("nan")
    assert find_rate(session, Callback()) == 0.05


def test_the_first_losses_are_not_smoothed_towards_nothing():
    assert smoothed([2.0, 2.0, 2.0]) == pytest.approx([2.0, 2.0, 2.0])
    assert smoothed([1.0, 3.0])[1] == pytest.approx((0.9 * 1 + 3) / 1.9)


def test_the_number_that_was_found_is_told_and_trained_with(tmp_path):
    told = Recording()
    train_on("flowers", tmp_path, callbacks=[told], **AUTO, schedule=None)
    rate = told.resolved.optimizer.learning_rate
    assert told.facts["learning_rate"] == rate > 0
    assert rate != 0.003
    assert {value for _, value in told.metrics["train/learning_rate"]} == {rate}
    assert told.metrics["train/loss"][0][0] == 1


def test_it_is_what_the_same_number_would_have_given(tmp_path):
    told = Recording()
    found = train_on("flowers", tmp_path / "found", callbacks=[told], **AUTO)
    given = {**MLP, "optimizer": document(told.resolved)["optimizer"]}
    again = train_on("flowers", tmp_path / "given", **given)
    assert again.result["weights_sha256"] == found.result["weights_sha256"]


def counted(monkeypatch):
    calls = []
    monkeypatch.setattr("worker.training.run.find_rate", lambda *given: calls.append(None) or find_rate(*given))
    return calls


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_resumed_run_does_not_look_again(tmp_path, monkeypatch, is_loaded):
    whole = train_on("flowers", tmp_path / "whole", **AUTO)
    calls = counted(monkeypatch)
    train_on("flowers", tmp_path / "part", callbacks=[Recording(order=Order.PAUSE, at=7)], **AUTO)
    assert len(calls) == 1
    checkpoint = tmp_path / "part" / "7"
    rest = train_on("flowers", tmp_path / "rest", resume=load(checkpoint) if is_loaded else checkpoint, **AUTO)
    assert len(calls) == 1
    assert rest.result["weights_sha256"] == whole.result["weights_sha256"]


def test_the_rate_of_another_job_is_not_taken(tmp_path, monkeypatch):
    train_on("flowers", tmp_path / "part", callbacks=[Recording(order=Order.PAUSE, at=7)], seed=1, **AUTO)
    calls = counted(monkeypatch)
    whole = train_on("flowers", tmp_path / "whole", seed=2, **AUTO)
    again = train_on("flowers", tmp_path / "again", resume=tmp_path / "part" / "7", seed=2, **AUTO)
    assert len(calls) == 2
    assert again.result["weights_sha256"] == whole.result["weights_sha256"]


def test_where_every_checkpoint_is_gone_it_looks_again(tmp_path, monkeypatch):
    train_on("flowers", tmp_path / "part", callbacks=[Recording(order=Order.PAUSE, at=7)], **AUTO)
    shutil.rmtree(tmp_path / "part")
    calls = counted(monkeypatch)
    train_on("flowers", tmp_path / "rest", resume=tmp_path / "part" / "7", **AUTO)
    assert len(calls) == 1


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop", "adagrad", "lion", "muon"])
def test_every_optimizer_can_be_given_a_rate_so(optimizer, tmp_path):
    name, sections = FAMILIES["mlp"]
    told = Recording()
    asked = {"optimizer": {"type": optimizer, "learning_rate": "auto"}, "training": {"epochs": 6, "batch_size": 16}}
    train_on(name, tmp_path, callbacks=[told], **{**sections, **asked})
    losses = [loss for _, loss in told.metrics["validation/loss"]]
    assert min(losses) < losses[0]


def test_plain_words_are_no_rate():
    with pytest.raises(InvalidSpec) as caught:
        parse({"data": {"dataset": "x"}, "optimizer": {**PLAIN_SGD, "learning_rate": "fast"}})
    assert [error.pointer for error in caught.value.errors] == ["#/optimizer/learning_rate"]
    assert range_test.usual_rate(parse({"data": {"dataset": "x"}, "optimizer": "lion"})) == 0.0003
