"""The choices of a run, flat."""

from models import spec
from models.hyperparameters import hyperparameters
from models.samples import sample


def chosen(document: dict) -> dict[str, object]:
    resolved = spec.resolve(spec.parse(document), sample(document["data"]["dataset"]).profile)
    return dict(hyperparameters(spec.document(resolved)))


def test_every_choice_has_its_dotted_place():
    found = chosen({"data": {"dataset": "iris"}, "optimizer": {"type": "sgd", "learning_rate": 0.5}, "seed": 7})
    assert found["optimizer.type"] == "sgd"
    assert found["optimizer.learning_rate"] == 0.5
    assert found["data.dataset"] == "iris"
    assert found["data.split.train"] == 0.7
    assert found["seed"] == 7
    assert found["deterministic"] is True


def test_lists_are_json_and_nothing_is_nothing():
    found = chosen({"data": {"dataset": "iris"}, "network": {"type": "mlp", "hidden": [8, 4]}})
    assert found["network.hidden"] == "[8, 4]"
    assert "training.max_steps" not in found


def test_bookkeeping_and_columns_are_left_out():
    found = chosen({"name": "a", "labels": {"team": "risk"}, "data": {"dataset": "iris"}})
    assert not [name for name in found if name.startswith(("name", "labels", "retries", "data.features"))]
