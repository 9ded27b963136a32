"""What simple predictors answer is kept per split, found again bit for bit, and computed anew when in doubt."""

import json

import pytest
import torch

from models import formats, spec
from models.samples import sample
from worker.training import train
from worker.training.baselines import memory as module
from worker.training.baselines import trees

JOB = {"data": {"dataset": "iris"}, "network": {"type": "mlp", "hidden": [4]}, "training": {"epochs": 1}}


@pytest.fixture
def fits(monkeypatch) -> list[str]:
    """Grows with every forest that is grown."""
    grown: list[str] = []
    real = trees._boosted

    def counting(session, inputs, targets):
        grown.append("trees")
        return real(session, inputs, targets)

    monkeypatch.setattr(trees, "_boosted", counting)
    monkeypatch.setattr(trees, "ROUNDS", 5)
    return grown


def result(folder, memory, **sections):
    shipped = sample("iris")
    source = formats.read(shipped.path, format=shipped.format, options=shipped.options)
    job = spec.resolve(spec.parse({**JOB, **sections}), shipped.profile)
    return train(job, source, directory=folder, device="cpu", memory=memory).result


def test_another_network_on_the_same_split_meets_the_same_rivals_at_no_cost(tmp_path, fits):
    memory = tmp_path / "memory"
    first = result(tmp_path / "1", memory)
    second = result(tmp_path / "2", memory, network={"type": "mlp", "hidden": [9]}, training={"epochs": 2})
    assert fits == ["trees"]
    assert json.dumps(first["baselines"]) == json.dumps(second["baselines"])
    assert [one["name"] for one in first["baselines"]] == ["majority", "logistic_regression", "boosted_trees"]
    assert first["test"] != second["test"]


@pytest.mark.parametrize(
    "sections",
    [
        {"seed": 7},
        {"preprocessing": {"number": {"scale": "minmax"}}},
        {"data": {"dataset": "iris", "ignore": ["petal_width"]}},
        {"data": {"dataset": "iris", "split": {"type": "random", "train": 0.5, "validation": 0.2, "test": 0.3}}},
    ],
)
def test_other_rows_or_other_columns_are_another_memory(tmp_path, fits, sections):
    memory = tmp_path / "memory"
    result(tmp_path / "1", memory)
    result(tmp_path / "2", memory, **sections)
    assert len(fits) == 2
    assert len(list(memory.iterdir())) == 2


def test_what_is_remembered_is_what_is_computed(tmp_path, fits):
    without = result(tmp_path / "0", None)
    for number in (1, 2):
        assert result(tmp_path / str(number), tmp_path / "memory")["baselines"] == without["baselines"]


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: content[:-1] + b"?", lambda _: b""])
def test_a_damaged_memory_is_no_memory(tmp_path, fits, damage):
    memory = tmp_path / "memory"
    whole = result(tmp_path / "1", memory)
    (kept,) = memory.iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    assert result(tmp_path / "2", memory)["baselines"] == whole["baselines"]
    assert len(fits) == 2
    result(tmp_path / "3", memory)
    assert len(fits) == 2


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path, fits):
    (tmp_path / "memory").touch()
    assert result(tmp_path / "1", tmp_path / "memory")["baselines"]
    assert result(tmp_path / "2", tmp_path / "memory")["baselines"]
    assert len(fits) == 2


def test_only_the_latest_are_kept(tmp_path, fits, monkeypatch):
    monkeypatch.setattr(module, "MAX_FILES", 2)
    for seed in range(4):
        result(tmp_path / str(seed), tmp_path / "memory", seed=seed)
    assert len(list((tmp_path / "memory").iterdir())) == 2
    result(tmp_path / "again", tmp_path / "memory", seed=3)
    assert len(fits) == 4


def test_all_together_take_only_so_much_room(tmp_path, fits, monkeypatch):
    result(tmp_path / "0", tmp_path / "memory", seed=0)
    (one,) = (tmp_path / "memory").iterdir()
    monkeypatch.setattr(module, "MAX_TOTAL_BYTES", 2 * one.stat().st_size)
    for seed in (1, 2):
        result(tmp_path / str(seed), tmp_path / "memory", seed=seed)
    assert len(list((tmp_path / "memory").iterdir())) == 2


def test_answers_that_are_too_many_are_not_kept(tmp_path, fits, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    result(tmp_path / "1", tmp_path / "memory")
    assert not (tmp_path / "memory").exists()


def test_many_answers_keep_their_order(tmp_path):
    class Known(module.Memory):
        def __init__(self):
            self._folder, self._path = tmp_path, tmp_path / "known"

    answers = [(f"one {number}", torch.full((2, 1), float(number))) for number in range(12)]
    Known().keep(answers)
    found = Known().recall(device=torch.device("cpu"))
    assert [name for name, _ in found] == [name for name, _ in answers]
    assert all(torch.equal(ours, theirs) for (_, ours), (_, theirs) in zip(found, answers, strict=True))
