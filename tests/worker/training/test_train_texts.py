"""Training on texts: alone, beside other columns, towards classes and towards numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from models.formats.sources import Table
from models.formats.summaries import profile
from models.spec import parse, resolve
from tests.worker.training.material import Recording, train_on
from worker.training import train
from worker.training.predicting import Predictor

WORDS_LOST = [{"type": "token_dropout", "p": 0.05}]


def notes(*, rows: int = 300) -> Table:
    """Whether a note is urgent depends on one of its words and on a number; so does what it costs."""
    random = np.random.default_rng(0)
    alarmed, weight = random.random(rows) < 0.5, random.normal(size=rows)
    filler = [" ".join(random.choice(["the", "a", "box", "door", "lamp"], 6)) for _ in range(rows)]
    texts = [f"{words} {'fire' if alarm else 'water'}" for words, alarm in zip(filler, alarmed, strict=True)]
    return Table(
        pa.table(
            {
                "note": pa.array(texts).dictionary_encode(),
                "weight": weight,
                "urgent": pa.array(np.where(alarmed & (weight > 0), "yes", "no").tolist()).dictionary_encode(),
                "cost": 10 * alarmed + 5 * weight,
            }
        )
    )


def trained(directory, *, target, features, **sections):
    source = notes()
    data = {"dataset": "notes", "target": target, "features": features}
    spec = resolve(parse({"data": data, "training": {"epochs": 20, "batch_size": 32}, **sections}), profile(source))
    told = Recording()
    result = train(spec, source, directory=directory, device="cpu", callbacks=[told], num_threads=1)
    return result.result, told.resolved


def test_a_network_reads_a_text_and_a_number_together(tmp_path):
    both, spec = trained(
        tmp_path / "both", target="urgent", features={"note": "text", "weight": "number"}, augmentation=WORDS_LOST
    )
    alone, _ = trained(tmp_path / "alone", target="urgent", features={"note": "text"}, evaluation={"baselines": False})

    assert both["test"]["accuracy"] > 0.9
    assert alone["test"]["accuracy"] < 0.85
    assert [baseline["name"] for baseline in both["baselines"]] == [
        "majority",
        "logistic_regression",
        "boosted_trees",
        "bag_of_words",
    ]
    assert spec.preprocessing.text.max_length == 7


def test_a_number_is_learned_from_a_text(tmp_path):
    result, _ = trained(tmp_path, target="cost", features={"note": "text"}, network={"type": "mlp", "hidden": [8]})

    assert [baseline["name"] for baseline in result["baselines"]] == ["mean", "bag_of_words"]
    assert result["test"]["r2"] > 0.3
    assert result["baselines"][1]["test"]["r2"] > 0.3
    folder = max(path for path in tmp_path.iterdir() if path.name.isdecimal())
    fire, water = Predictor.load(folder).predict([{"note": "the box fire"}, {"note": "the box water"}]).rows
    assert fire["value"] > water["value"] + 3


@pytest.mark.parametrize("network", ["mlp", "lstm", "tcn", "transformer"])
def test_every_network_over_tokens_learns(network, tmp_path):
    told = Recording()
    sections = {"training": {"epochs": 12, "batch_size": 16}, "optimizer": {"learning_rate": 0.01}}
    train_on("letters", tmp_path, callbacks=[told], network=network, **sections)
    losses = [value for _, value in told.metrics["train/loss"]]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
