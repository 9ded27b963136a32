"""The loop does what the textbook says, and ends when and how it is told to."""

import math

import pytest
import torch

from tests.worker.training.material import CPU, Recording, session_for, train_on
from worker.training import Callback, Diverged, Order
from worker.training.checkpoint import load
from worker.training.keeper import Keeper
from worker.training.loop import Ending, Loop
from worker.training.recorder import Recorder

LINEAR = {"type": "mlp", "hidden": []}
PLAIN_SGD = {"type": "sgd", "momentum": 0.0, "learning_rate": 0.1}
BARE = {"network": LINEAR, "optimizer": PLAIN_SGD, "schedule": None, "regularization": None, "early_stopping": None}


def loop_for(name, directory, *, callback=None, **sections):
    session = session_for(name, **sections)
    told = callback or Recording()
    recorder = Recorder(told, device=CPU)
    keeper = Keeper(session, directory=directory, recorder=recorder, callback=told, facts={})
    return Loop(session, recorder=recorder, keeper=keeper, callback=told)


def linear_regression(session, *, steps, rate):
    """Gradient descent on the mean squared error, written out: the weights and the losses on the way."""
    inputs = session.train.inputs["numbers"].double()
    targets = session.train.targets.double()
    layer = session.model.network.layers[0]
    weight, bias = layer.weight.detach().double().T.clone(), layer.bias.detach().double().clone()
    losses = []
    for _ in range(steps):
        errors = inputs @ weight + bias - targets
        losses.append(float(errors.square().mean()))
        weight -= rate * 2 * inputs.T @ errors / len(inputs)
        bias -= rate * 2 * errors.mean(0)
    return weight, bias, losses


def test_the_full_batch_is_gradient_descent(tmp_path):
    loop = loop_for("prices", tmp_path, training={"epochs": 20, "batch_size": "full"}, **BARE)
    weight, bias, losses = linear_regression(loop.session, steps=20, rate=0.1)
    assert loop.fit() is Ending.EPOCHS
    layer = loop.session.model.network.layers[0]
    assert torch.allclose(layer.weight.double().T, weight, atol=1e-5)
    assert torch.allclose(layer.bias.double(), bias, atol=1e-5)
    told = loop.callback.metrics["train/loss"]
    assert [step for step, _ in told] == list(range(1, 21))
    assert [loss for _, loss in told] == pytest.approx(losses, rel=1e-4)


def test_a_batch_of_one_is_stochastic_gradient_descent(tmp_path):
    loop = loop_for("prices", tmp_path, training={"epochs": 1, "batch_size": 1}, **BARE)
    assert loop.session.plan.total_steps == len(loop.session.train)
    loop.fit()
    assert loop.session.counters.step == len(loop.session.train)


def test_a_step_is_forward_loss_backward_update(tmp_path):
    loop = loop_for("prices", tmp_path, training={"epochs": 1, "batch_size": 8}, **BARE)
    layer = loop.session.model.network.layers[0]
    batch = loop.session.train.take(torch.arange(8))
    inputs, targets = batch.inputs["numbers"], batch.targets
    weight = layer.weight.detach().clone()
    errors = layer(inputs).detach() - targets
    loop.step(batch)
    assert torch.allclose(layer.weight, weight - 0.1 * 2 * errors.T @ inputs / 8, atol=1e-6)
    loop.recorder.flush()
    assert loop.callback.metrics["train/loss"] == [(1, pytest.approx(float(errors.square().mean())))]
    assert loop.callback.metrics["train/learning_rate"] == [(1, 0.1)]
    assert layer.weight.grad is None


def test_the_gradient_norm_is_told_as_it_was_before_clipping(tmp_path):
    clipped = {**BARE, "regularization": {"gradient_clip": {"norm": 1e-3}}}
    loop = loop_for("prices", tmp_path, training={"epochs": 1, "batch_size": "full"}, **clipped)
    layer = loop.session.model.network.layers[0]
    before = torch.cat([layer.weight.detach().flatten(), layer.bias.detach()])
    loop.fit()
    moved = torch.cat([layer.weight.detach().flatten(), layer.bias.detach()]) - before
    ((_, norm),) = loop.callback.metrics["train/gradient_norm"]
    assert norm > 0.01
    assert float(moved.norm()) == pytest.approx(0.1 * 1e-3, rel=1e-3)


def test_the_rate_follows_the_schedule_step_by_step(tmp_path):
    sections = {**BARE, "schedule": {"type": "linear", "warmup": "0%"}}
    loop = loop_for("prices", tmp_path, training={"epochs": 2, "batch_size": 16}, **sections)
    loop.fit()
    rates = [rate for _, rate in loop.callback.metrics["train/learning_rate"]]
    steps = loop.session.plan.total_steps
    assert rates == pytest.approx([0.1 * (1 - step / (steps - 1)) for step in range(steps)])


def test_a_plateau_goes_by_the_scores_of_each_epoch(tmp_path):
    impatient = {"type": "plateau", "patience": 0, "min_delta": 1e9, "factor": 0.5}
    loop = loop_for("prices", tmp_path, training={"epochs": 4, "batch_size": "full"}, **{**BARE, "schedule": impatient})
    loop.fit()
    assert [rate for _, rate in loop.callback.metrics["train/learning_rate"]] == pytest.approx([0.1, 0.1, 0.05, 0.025])


def test_penalties_are_part_of_the_training_loss_and_not_of_validation(tmp_path):
    def losses(l2):
        penalty = {"l2": l2, "gradient_clip": None}
        sections = {**BARE, "optimizer": {**PLAIN_SGD, "learning_rate": 1e-9}, "regularization": penalty}
        loop = loop_for("prices", tmp_path, training={"epochs": 1, "batch_size": "full"}, **sections)
        squares = float(loop.session.model.network.layers[0].weight.detach().square().sum())
        loop.fit()
        return loop.callback.metrics["train/loss"][0][1], loop.callback.metrics["validation/loss"][0][1], squares

    (plain, validation, squares), (penalized, same, _) = losses(0.0), losses(0.5)
    assert penalized == pytest.approx(plain + 0.25 * squares, rel=1e-5)
    assert same == validation


def test_progress_counts_steps_and_epochs_from_one(tmp_path):
    loop = loop_for("prices", tmp_path, training={"epochs": 2, "batch_size": 56}, **BARE)
    loop.fit()
    seen = [(progress.step, progress.epoch, progress.fraction) for progress in loop.callback.progress]
    assert seen == [(1, 1, 0.25), (2, 1, 0.5), (3, 2, 0.75), (4, 2, 1.0)]
    assert all((progress.steps, progress.epochs) == (4, 2) for progress in loop.callback.progress)


def test_every_epoch_is_validated(tmp_path):
    loop = loop_for("flowers", tmp_path, training={"epochs": 3, "batch_size": 42})
    loop.fit()
    for name in ("loss", "accuracy", "f1_macro", "auroc"):
        assert [step for step, _ in loop.callback.metrics[f"validation/{name}"]] == [2, 4, 6]


class Signs(Callback):
    def __init__(self):
        self.num = 0

    def on_sign(self):
        self.num += 1


def test_a_validation_gives_a_sign_for_every_slice(tmp_path, monkeypatch):
    monkeypatch.setattr("worker.training.rows.MAX_EVALUATION_ROWS", 4)
    signs = Signs()
    loop = loop_for("flowers", tmp_path, callback=signs)
    loop.validate()
    assert signs.num == math.ceil(len(loop.session.validation) / 4) > 1


def test_a_save_gives_signs_before_it_for_every_piece_of_a_file_and_for_every_sync(tmp_path):
    signs = Signs()
    loop = loop_for("flowers", tmp_path, callback=signs)
    loop.keeper.save(waits=True)
    num_tensors = len(loop.session.model.state_dict())
    files = {"state": 1, "weights": 1 + num_tensors, "golden": 1 + len({"numbers", "categories", "outputs"})}
    assert signs.num == 2 + sum(files.values()) + len(files)


def test_a_step_that_is_saved_is_not_saved_again_until_it_is_the_best_too(tmp_path):
    loop = loop_for("flowers", tmp_path)
    loop.keeper.save()
    loop.keeper.save(waits=True)
    assert [saved.kinds for saved in loop.callback.checkpoints] == [{"latest"}]
    loop.keeper.keep_best()
    loop.keeper.save()
    loop.keeper.save(waits=True)
    assert [saved.kinds for saved in loop.callback.checkpoints] == [{"latest"}, {"latest", "best"}]


def test_dropout_rests_while_validating(tmp_path):
    network = {"type": "mlp", "hidden": [32], "norm": "none", "dropout": 0.9}
    loop = loop_for("flowers", tmp_path, network=network)
    loop.fit()
    assert loop.session.evaluation(loop.session.validation) == loop.session.evaluation(loop.session.validation)


def test_training_ends_after_max_steps_with_a_validation(tmp_path):
    loop = loop_for("flowers", tmp_path, training={"epochs": 9, "batch_size": 16, "max_steps": 7})
    assert loop.fit() is Ending.MAX_STEPS
    assert loop.session.counters.step == 7
    assert loop.callback.metrics["validation/loss"][-1][0] == 7


def test_training_ends_after_max_time_with_a_validation(tmp_path):
    loop = loop_for("flowers", tmp_path, training={"epochs": 9, "batch_size": 16, "max_time": "0.000001 s"})
    assert loop.fit() is Ending.MAX_TIME
    assert loop.session.counters.step == 1
    assert loop.callback.metrics["validation/loss"][-1][0] == 1


def test_a_checkpoint_within_an_epoch_counts_the_time_of_every_step_before_it(tmp_path):
    one_epoch = {"training": {"epochs": 1, "batch_size": 16}, "checkpoints": {"every": "1 step"}}
    loop = loop_for("flowers", tmp_path, **one_epoch)
    loop.fit()
    states = [load(tmp_path / str(step)).state for step in range(1, loop.session.counters.step)]
    seconds = [state["seconds"] for state in states]
    assert len(seconds) > 2
    assert seconds[0] > 0
    assert seconds == sorted(set(seconds))
    assert [state["num_rows_seen"] for state in states] == [16 * (number + 1) for number in range(len(states))]


@pytest.mark.parametrize(("order", "saved"), [(Order.PAUSE, [1, 2, 3]), (Order.STOP, [1, 2])])
def test_a_step_that_ends_the_run_is_left_to_what_comes_after_it_to_save(tmp_path, order, saved):
    told = Recording(order=order, at=3)
    loop = loop_for("flowers", tmp_path, callback=told, checkpoints={"every": "1 step"})
    loop.fit()
    assert [checkpoint.step for checkpoint in told.checkpoints] == saved


def test_early_stopping_ends_training_when_its_patience_is_used_up(tmp_path):
    never = {"monitor": "validation/loss", "patience": 2, "min_delta": 1e9}
    loop = loop_for("flowers", tmp_path, training={"epochs": 50, "batch_size": 16}, early_stopping=never)
    assert loop.fit() is Ending.EARLY_STOPPING
    assert loop.session.counters.epoch == 3


@pytest.mark.parametrize(
    ("order", "ending", "validates", "saves"),
    [
        (Order.CANCEL, Ending.CANCELLED, False, False),
        (Order.PAUSE, Ending.PAUSED, False, True),
        (Order.DRAIN, Ending.DRAINED, False, True),
        (Order.STOP, Ending.STOPPED, True, False),
    ],
)
def test_an_order_is_obeyed_after_the_step_it_was_given_in(tmp_path, order, ending, validates, saves):
    told = Recording(order=order, at=3)
    loop = loop_for("flowers", tmp_path, callback=told)
    assert loop.fit() is ending
    assert loop.session.counters.step == 3
    assert [step for step, _ in told.metrics["train/loss"]] == [1, 2, 3]
    assert ("validation/loss" in told.metrics) is validates
    assert [path.name for path in tmp_path.iterdir()] == (["3"] if saves else [])


def test_an_order_that_came_early_is_obeyed_before_the_first_step(tmp_path):
    loop = loop_for("flowers", tmp_path, callback=Recording(order=Order.CANCEL))
    assert loop.fit() is Ending.CANCELLED
    assert loop.session.counters.step == 0


def test_what_was_measured_is_told_before_the_checkpoint_that_builds_on_it(tmp_path):
    loop = loop_for("flowers", tmp_path, checkpoints={"every": "2 steps"})
    loop.fit()
    told = dict.fromkeys(("metrics", "checkpoint"), 0)
    for kind, step in loop.callback.log:
        told[kind] = step
        assert told["metrics"] >= told["checkpoint"]
    assert told["checkpoint"] > 0


def test_a_checkpoint_carries_the_best_weights_where_they_are_not_its_own(tmp_path):
    nothing_improves = {"min_delta": 1e9}
    loop = loop_for("flowers", tmp_path, checkpoints={"every": "1 epoch"}, early_stopping=nothing_improves)
    loop.fit()
    best = loop.session.monitor.best
    assert best.epoch == 1
    last = load(tmp_path / str(loop.session.counters.step))
    kept = load(tmp_path / str(best.step))
    assert all(torch.equal(last.best[name], kept.weights[name]) for name in kept.weights)
    assert kept.best == {}


def test_a_loss_that_is_not_finite_ends_the_run_before_the_weights_are_touched(tmp_path):
    loop = loop_for("prices", tmp_path, training={"epochs": 5, "batch_size": 16}, **BARE)
    loop.session.train.targets[:] = math.inf
    before = {name: tensor.clone() for name, tensor in loop.session.model.state_dict().items()}
    with pytest.raises(Diverged, match="The gradient of step 1 is not finite"):
        loop.fit()
    after = loop.session.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("every", "kept"),
    [("1 step", lambda broken: [broken - 1]), ("auto", lambda broken: range(2, broken, 2))],
)
def test_a_run_that_diverges_keeps_a_finite_checkpoint_and_its_curve(tmp_path, every, kept):
    explosive = {"optimizer": {**PLAIN_SGD, "learning_rate": 1e6}, "schedule": None, "regularization": None}
    told = Recording()
    with pytest.raises(Diverged) as caught:
        train_on(
            "prices",
            tmp_path,
            callbacks=[told],
            network=LINEAR,
            training={"epochs": 50, "batch_size": 56},
            checkpoints={"every": every},
            **explosive,
        )
    steps = sorted(int(path.name) for path in tmp_path.iterdir())
    assert steps[-1] in kept(caught.value.step)
    assert all(bool(tensor.isfinite().all()) for tensor in load(tmp_path / str(steps[-1])).weights.values())
    assert [step for step, _ in told.metrics["train/loss"]] == list(range(1, caught.value.step))
