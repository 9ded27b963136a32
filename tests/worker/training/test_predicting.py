"""What a checkpoint predicts is what trained: the same encoding, the same preprocessing, the same outputs."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from models.errors import InvalidRow
from models.formats.sources import PARTS
from models.formats.summaries import profile
from models.spec import parse, resolve
from tests.worker.training.families import FAMILIES, everything
from tests.worker.training.material import flowers, letters, prices, stripes, train_on, waves
from worker.training import CheckpointRefused, predicting, train
from worker.training.errors import GoldenRowsDiffer
from worker.training.predicting import Predictor

TEST = PARTS.index("test")
TRAINED = {"epochs": 3, "batch_size": 16}


def official(source):
    """The source with its last third as the official test part."""
    split = np.zeros(len(source), np.int8)
    split[-(len(source) // 3) :] = TEST
    return replace(source, split=split)


def trained(source, directory: Path, **sections):
    """Train; the result, and the folder of the weights that it tells of."""
    spec = resolve(parse({"training": TRAINED, **sections}), profile(source))
    result = train(spec, source, directory=directory, device="cpu", num_threads=1).result
    return result, next(path for path in directory.iterdir() if digest(path) == result["weights_sha256"])


def digest(path: Path) -> str:
    manifest = json.loads((path / "manifest.json").read_text())
    return str(manifest["files"]["weights.safetensors"]["sha256"])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory):
    source = official(flowers())
    data = {"dataset": "flowers", "target": "kind", "split": "official"}
    return source, *trained(source, tmp_path_factory.mktemp("table"), data=data, network="mlp")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory):
    source = official(stripes())
    sections = {"data": {"dataset": "stripes", "split": "official"}, "network": {"type": "cnn", "channels": [4]}}
    return source, *trained(source, tmp_path_factory.mktemp("pictures"), **sections)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory):
    source = waves()
    sections = {"task": "forecasting", "preprocessing": {"series": {"window": 12, "horizon": 2}}}
    data = {"dataset": "waves", "target": "value"}
    return source, *trained(source, tmp_path_factory.mktemp("series"), data=data, network="gru", **sections)


@pytest.mark.parametrize("tokenizer", ["word", "char", "bpe"])
def test_texts_sent_as_new_ones_score_what_the_job_reports(tokenizer, tmp_path):
    source = official(letters())
    data = {"dataset": "letters", "split": "official"}
    sections = {"preprocessing": {"text": {"tokenizer": tokenizer}}, "network": {"type": "mlp", "hidden": [8]}}
    result, folder = trained(source, tmp_path, data=data, **sections)
    chosen = np.flatnonzero(source.split == TEST)

    predictions = Predictor.load(folder).predict([{"text": source.texts[i], "id": 7} for i in chosen])

    labels = [source.classes[source.labels[i]] for i in chosen]
    hits = [answer["label"] == label for answer, label in zip(predictions.rows, labels, strict=True)]
    assert sum(hits) / len(hits) == pytest.approx(result["test"]["accuracy"])
    assert predictions.ignored == {"id": len(chosen)}
    assert Predictor.load(folder).predict([{"text": ""}, {"text": "👩‍👩‍👧 \0 שלום"}]).rows[0]["label"] in source.classes
    with pytest.raises(InvalidRow, match="it is no text"):
        Predictor.load(folder).predict([{"text": None}])


def test_the_test_rows_sent_as_new_ones_score_exactly_what_the_job_reports(table):
    source, result, folder = table
    rows = [row for row, part in zip(source.columns.to_pylist(), source.split, strict=True) if part == TEST]

    predictions = Predictor.load(folder).predict(rows)

    hits = [answer["label"] == row["kind"] for answer, row in zip(predictions.rows, rows, strict=True)]
    assert len(hits) == result["data_report"]["splits"]["test"]
    assert sum(hits) / len(hits) == pytest.approx(result["test"]["accuracy"], abs=1e-6)
    loss = -np.mean([np.log(a["probabilities"][row["kind"]]) for a, row in zip(predictions.rows, rows, strict=True)])
    assert loss == pytest.approx(result["test"]["loss"], rel=1e-5)


def test_the_test_images_score_exactly_what_the_job_reports(pictures):
    source, result, folder = pictures
    chosen = np.flatnonzero(source.split == TEST)

    predictions = Predictor.load(folder).predict([{"image": source.pixels[i, :, :, 0].tolist()} for i in chosen])

    labels = [source.classes[source.labels[i]] for i in chosen]
    hits = [answer["label"] == label for answer, label in zip(predictions.rows, labels, strict=True)]
    assert sum(hits) / len(hits) == pytest.approx(result["test"]["accuracy"], abs=1e-6)


def test_the_test_windows_score_what_the_job_reports(series):
    source, result, folder = series
    values = source.columns["value"].to_numpy()
    first = np.arange(len(values) - 14 + 1)[-result["data_report"]["windows"]["test"] :]

    predictions = Predictor.load(folder).predict([{"series": values[i : i + 12].tolist()} for i in first])

    errors = [answer["values"] - values[i + 12 : i + 14] for answer, i in zip(predictions.rows, first, strict=True)]
    assert np.sqrt(np.square(errors).mean()) == pytest.approx(result["test"]["rmse"], rel=1e-5)


def test_a_regression_answers_in_the_units_of_its_target(tmp_path):
    _, folder = trained(prices(), tmp_path, data={"dataset": "prices", "target": "price"}, training={"epochs": 60})

    (low, high) = Predictor.load(folder).predict([{"size": -1, "age": 0}, {"size": 1, "age": 0}]).rows

    assert 200 < low["value"] < 300 < high["value"] < 400  # price = 300 + 50 size - 20 age


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_network_answers_after_loading_what_it_answered_before_saving(family, tmp_path):
    source, sections = everything(family)
    train_on(
        source, tmp_path, **{**sections, "training": {**sections.get("training", {}), "epochs": 1, "max_steps": 2}}
    )
    for folder in tmp_path.iterdir():
        golden = safetensors.torch.load_file(folder / "golden.safetensors")
        outputs = golden.pop("outputs")
        inputs = {name.removeprefix("inputs."): rows for name, rows in golden.items()}
        assert torch.allclose(Predictor.load(folder).outputs(inputs), outputs, rtol=1e-5, atol=1e-6)


def test_one_row_is_answered_as_it_is_among_others(table):
    source, _, folder = table
    predictor, rows = Predictor.load(folder), source.columns.to_pylist()
    together = predictor.predict(rows).rows
    assert predictor.predict([rows[7]]).rows[0]["probabilities"] == pytest.approx(together[7]["probabilities"])


def test_what_is_missing_unseen_or_not_read_is_counted(table):
    rows = [{"x0": 1, "x1": None, "colour": "violet", "kind": "a"}, {"x0": "", "x1": 2, "colour": None}, {"kind": "b"}]
    predictions = Predictor.load(table[2]).predict(rows)
    assert predictions.missing == {"x0": 2, "x1": 2, "x2": 3, "x3": 3, "colour": 2}
    assert predictions.unseen == {"colour": 1}
    assert predictions.ignored == {"kind": 2}
    assert all(sum(row["probabilities"].values()) == pytest.approx(1) for row in predictions.rows)


def test_steps_without_a_value_are_counted_by_window(series):
    window = [1.0] * 12
    predictions = Predictor.load(series[2]).predict([{"series": window}, {"series": [*window[:-2], None, None]}])
    assert predictions.missing == {"value": 1}
    assert all(np.isfinite(row["values"]).all() for row in predictions.rows)


def test_a_wrong_cell_is_named_by_its_row_and_column_across_pieces(table, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(predicting, "_MAX_PIECE_ROWS", 2)
    for wrong in ("many", [1], {"a": 1}):
        with pytest.raises(InvalidRow) as caught:
            Predictor.load(table[2]).predict([{}, {}, {}, {"x1": wrong}])
        assert (caught.value.row, caught.value.field) == (3, "x1")
    with pytest.raises(InvalidRow, match="column 'colour': a cell is"):
        Predictor.load(table[2]).predict([{"colour": ["red"]}])


def test_pieces_are_answered_as_one(table, monkeypatch: pytest.MonkeyPatch):
    source, _, folder = table
    predictor, rows = Predictor.load(folder), source.columns.to_pylist()
    whole = predictor.predict(rows)
    monkeypatch.setattr(predicting, "_MAX_PIECE_ROWS", 7)
    calls = []
    pieces = predictor.predict(rows, on_piece=lambda: calls.append(None))
    assert len(calls) == -(-len(rows) // 7)
    assert [row["label"] for row in pieces.rows] == [row["label"] for row in whole.rows]
    assert (pieces.missing, pieces.ignored) == (whole.missing, whole.ignored)


def test_only_the_most_probable_classes_are_kept_when_asked(table):
    predictor, row = Predictor.load(table[2]), {"x0": 1, "x1": 2, "x2": 0, "x3": 1, "colour": "red"}
    (whole,), (some,) = predictor.predict([row]).rows, predictor.predict([row], num_probabilities=2).rows
    highest = sorted(whole["probabilities"].items(), key=lambda item: -item[1])[:2]
    assert list(some["probabilities"].items()) == highest
    assert some["label"] == whole["label"] == highest[0][0]


def test_no_rows_have_no_predictions(table):
    assert Predictor.load(table[2]).predict([]).rows == []


def test_what_training_alone_needs_may_be_left_out(table, tmp_path):
    for name in ("weights.safetensors", "state.json", "golden.safetensors", "manifest.json"):
        shutil.copy(table[2] / name, tmp_path)
    row = {"x0": 1, "colour": "red"}
    assert Predictor.load(tmp_path).predict([row]) == Predictor.load(table[2]).predict([row])


def test_loading_leaves_the_generator_of_random_numbers_alone(table):
    before = torch.get_rng_state()
    Predictor.load(table[2])
    assert torch.equal(torch.get_rng_state(), before)


def with_file(folder: Path, copy: Path, name: str, content: bytes) -> Path:
    """A copy of a checkpoint whose manifest vouches for another file."""
    shutil.copytree(folder, copy)
    (copy / name).write_bytes(content)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


@pytest.mark.parametrize("family", ["table", "pictures", "series"])
def test_a_network_that_answers_its_golden_rows_differently_is_refused(family, request, tmp_path):
    folder = request.getfixturevalue(family)[2]
    golden = safetensors.torch.load_file(folder / "golden.safetensors")
    assert len(golden["outputs"]) == 8
    golden["outputs"][3, 0] += 0.01
    changed = with_file(folder, tmp_path / "1", "golden.safetensors", safetensors.torch.save(golden))
    with pytest.raises(GoldenRowsDiffer) as refused:
        Predictor.load(changed)
    assert refused.value.code == "golden_rows_differ"


def test_weights_that_were_changed_with_their_digest_are_still_noticed(table, tmp_path):
    weights = safetensors.torch.load_file(table[2] / "weights.safetensors")
    weights["preprocessing.numbers.center"] += 0.5
    changed = with_file(table[2], tmp_path / "1", "weights.safetensors", safetensors.torch.save(weights))
    with pytest.raises(GoldenRowsDiffer):
        Predictor.load(changed)


def test_a_state_that_does_not_fit_the_weights_is_refused(table, tmp_path):
    state = json.loads((table[2] / "state.json").read_text())
    state["spec"]["network"]["hidden"] = [3]
    changed = with_file(table[2], tmp_path / "1", "state.json", json.dumps(state).encode())
    with pytest.raises(CheckpointRefused, match="does not describe its network"):
        Predictor.load(changed)
