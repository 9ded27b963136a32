"""A run that goes wrong is found out, told of once, and stopped where the spec says so; its bits stay the same."""

import pytest
from safetensors.torch import load_file

from models.spec.diagnosis import RULES
from tests.worker.training.material import Recording, session_for, train_on
from worker.training import Order
from worker.training.diagnosis.examiner import MOST_LOOKS, Examiner

DEEP = {"type": "mlp", "hidden": [8] * 10, "activation": "sigmoid", "norm": "none", "dropout": 0.0}
TRAINING = {"epochs": 12, "batch_size": 28}
TROUBLE = {"optimizer": {"type": "sgd", "learning_rate": 1e-12}, "network": DEEP}


def found(tmp_path, source="flowers", **sections):
    recording = Recording()
    sections = {"training": TRAINING, "early_stopping": None, **sections}
    result = train_on(source, tmp_path, callbacks=[recording], **sections)
    return recording.findings, result


def test_a_deep_sigmoid_network_is_told_that_its_gradient_vanishes_once(tmp_path):
    findings, result = found(tmp_path, network=DEEP, diagnosis=only("vanishing_gradient"))
    (finding,) = findings
    assert (finding.rule, finding.severity, finding.step) == ("vanishing_gradient", "warning", 3)
    assert finding.evidence["gradients"]["layers.0.weight"] < 1e-5
    assert finding.patch["network"]["activation"] == "relu"
    assert result.result["ended_by"] == "epochs"


@pytest.fixture(scope="module")
def noticed(tmp_path_factory):
    return {one.rule for one in found(tmp_path_factory.mktemp("noticed"), **TROUBLE)[0]}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_is_off_says_nothing(tmp_path, noticed, rule):
    assert {"vanishing_gradient", "update_size", "loss_not_decreasing", "constant_output"} <= noticed
    rest = {one.rule for one in found(tmp_path, **TROUBLE, diagnosis={rule: "off"})[0]}
    assert rest == noticed - {rule}


def test_a_rule_may_stop_the_run_which_succeeds_with_its_best_weights(tmp_path):
    findings, result = found(tmp_path, network=DEEP, diagnosis={"vanishing_gradient": "stop"})
    assert (result.outcome, result.result["ended_by"], result.epoch) == ("succeeded", "diagnosis", 1)
    assert len(findings) == 1


def test_null_looks_at_nothing(tmp_path):
    assert found(tmp_path, network=DEEP, diagnosis=None)[0] == []


def test_a_healthy_run_is_left_in_peace(tmp_path):
    training = {"epochs": 6, "batch_size": 16}
    for place, source in enumerate(("flowers", "stripes", "waves", "letters")):
        assert found(tmp_path / str(place), source, training=training)[0] == []


def test_being_looked_at_changes_no_bit(tmp_path):
    sections = {"network": {"type": "mlp", "hidden": [16], "dropout": 0.3}, "training": TRAINING}
    one = train_on("flowers", tmp_path / "a", **sections)
    other = train_on("flowers", tmp_path / "b", diagnosis=None, **sections)
    assert one.result["weights_sha256"] == other.result["weights_sha256"]


def test_a_run_that_goes_on_stops_where_an_undisturbed_one_does(tmp_path):
    sections = {
        "network": {"type": "mlp", "hidden": [64], "norm": "none", "dropout": 0.0},
        "optimizer": {"type": "adam", "learning_rate": 0.05},
        "training": {"epochs": 60, "batch_size": 28},
        "early_stopping": None,
        "diagnosis": {"overfitting": "stop"},
    }
    whole = train_on("flowers", tmp_path / "whole", **sections)
    assert whole.result["ended_by"] == "diagnosis"
    pause = Recording(order=Order.PAUSE, at=whole.step - 4)
    train_on("flowers", tmp_path / "parts", callbacks=[pause], **sections)
    again = train_on("flowers", tmp_path / "parts", resume=pause.checkpoints[-1].path, **sections)
    assert (again.result["ended_by"], again.step) == ("diagnosis", whole.step)
    assert again.result["weights_sha256"] == whole.result["weights_sha256"]
    assert load_file(again_path(tmp_path, again))


def test_it_looks_at_the_first_epoch_and_at_most_so_often():
    session = session_for("flowers", training={"epochs": 1000, "batch_size": 28})
    examiner = Examiner(session, Recording())
    due = [step for step in range(1, session.plan.total_steps + 1) if examiner.is_due(step)]
    assert due[0] == session.plan.steps_per_epoch
    assert 10 < len(due) <= MOST_LOOKS


def only(rule):
    return {name: "notify" if name == rule else "off" for name in RULES}


def again_path(tmp_path, result):
    return tmp_path / "parts" / str(result.result["best"]["step"]) / "weights.safetensors"
