"""A run may begin with another run's weights, and only with those that mean the same in it."""

import pytest
import torch

from tests.worker.training.material import flowers, session_for, spec_for
from worker.training import TrainingError, train
from worker.training.beginning import begin_with
from worker.training.checkpoint import latest_good

SOURCE = flowers()
MLP = {"type": "mlp", "hidden": [8]}


def finished(directory):
    """The final state of a short run on the table."""
    spec = spec_for("flowers", SOURCE, network=MLP, training={"epochs": 2})
    train(spec, SOURCE, directory=directory, num_threads=1)
    return latest_good(directory, on_damage=lambda message: pytest.fail(message))


def test_a_run_begins_with_the_weights_it_is_given(tmp_path):
    there = finished(tmp_path)
    session = session_for("flowers", network=MLP, seed=9)
    begin_with(session.model, there, recipe=session.data.recipe)
    for name, weights in session.model.state_dict().items():
        if name.startswith("network."):
            assert torch.equal(weights, there.weights[name]), name


def test_its_preprocessing_stays_its_own(tmp_path):
    there = finished(tmp_path)
    session = session_for("flowers", network=MLP, seed=9)
    before = {name: value.clone() for name, value in session.model.preprocessing.state_dict().items()}
    begin_with(session.model, there, recipe=session.data.recipe)
    assert all(torch.equal(value, before[name]) for name, value in session.model.preprocessing.state_dict().items())
    assert any(not torch.equal(value, there.weights[f"preprocessing.{name}"]) for name, value in before.items())


def test_the_first_loss_of_such_a_run_is_that_of_the_trained_weights(tmp_path):
    spec = spec_for("flowers", SOURCE, network=MLP, training={"epochs": 30})
    train(spec, SOURCE, directory=tmp_path / "first", num_threads=1)
    begin = latest_good(tmp_path / "first", on_damage=lambda message: pytest.fail(message))
    again = spec_for("flowers", SOURCE, network=MLP, training={"max_steps": 1})
    cold = train(again, SOURCE, directory=tmp_path / "cold", num_threads=1)
    warm = train(again, SOURCE, directory=tmp_path / "warm", begin=begin, num_threads=1)
    assert warm.result["test"]["loss"] < 0.7 * cold.result["test"]["loss"]


def test_a_folder_is_as_good_as_a_snapshot(tmp_path):
    there = finished(tmp_path / "first")
    spec = spec_for("flowers", SOURCE, network=MLP, training={"max_steps": 2})
    folder = tmp_path / "first" / str(there.step)
    runs = [
        train(spec, SOURCE, directory=tmp_path / name, begin=begin, num_threads=1).result
        for name, begin in (("snapshot", there), ("folder", folder))
    ]
    assert runs[0]["weights_sha256"] == runs[1]["weights_sha256"]


def test_another_shape_is_refused_by_the_name_of_the_weight(tmp_path):
    there = finished(tmp_path)
    session = session_for("flowers", network={"type": "mlp", "hidden": [9]})
    with pytest.raises(TrainingError, match=r"network\.\S+ is .*8.* there and .*9.* here") as caught:
        begin_with(session.model, there, recipe=session.data.recipe)
    assert (caught.value.code, caught.value.param, caught.value.fault) == ("init_mismatch", "#/init_from", "user")


def test_a_layer_more_is_refused(tmp_path):
    there = finished(tmp_path)
    session = session_for("flowers", network={"type": "mlp", "hidden": [8, 8]})
    with pytest.raises(TrainingError, match=r"network\.\S+ is 3 there and 8 here"):
        begin_with(session.model, there, recipe=session.data.recipe)


def test_equal_shapes_of_other_columns_are_refused(tmp_path):
    there = finished(tmp_path)
    session = session_for("flowers", network=MLP)
    encoding = session.data.recipe["encoding"]
    renamed = {**encoding, "numbers": [f"other_{name}" for name in encoding["numbers"]]}
    with pytest.raises(TrainingError, match="columns, classes or vocabularies"):
        begin_with(session.model, there, recipe={**session.data.recipe, "encoding": renamed})


def test_without_one_the_seed_decides(tmp_path):
    first, second = (session_for("flowers", network=MLP, seed=3).model.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
