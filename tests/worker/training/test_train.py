"""`train`: a spec and data go in, a result comes out, and what happens on the way is told."""

import json

import pytest
import safetensors.torch
import torch

from models.errors import InvalidData, InvalidSpec
from models.formats import read
from models.samples import SAMPLES
from models.spec import document, parse, resolve
from tests.worker.training.families import FAMILIES
from tests.worker.training.material import Recording, flowers, session_for, spec_for, train_on
from worker.training import Order, TrainingError, train
from worker.training.checkpoint import load

WHOLE = {
    "best",
    "metrics",
    "test",
    "baselines",
    "beats_baselines",
    "parameters",
    "samples_per_second",
    "phase_seconds",
    "data_report",
    "weights_sha256",
}


def on_sample(name, directory, **spec):
    sample = SAMPLES[name]
    source = read(sample.path, format=sample.format, options=sample.options)
    resolved = resolve(parse({"data": {"dataset": name}, **spec}), sample.profile)
    return train(resolved, source, directory=directory, device="cpu", num_threads=1)


def test_the_smallest_spec_reads_handwritten_digits(tmp_path):
    result = on_sample("digits", tmp_path).result
    assert result["test"]["accuracy"] >= 0.97
    assert result["beats_baselines"]


def test_a_small_network_learns_digits_in_six_epochs(tmp_path):
    spec = {"network": {"type": "mlp", "hidden": [64]}, "training": {"epochs": 6}}
    assert on_sample("digits", tmp_path, **spec).result["test"]["accuracy"] > 0.9


@pytest.mark.parametrize(("name", "accuracy"), [("iris", 0.93), ("wine", 0.93), ("breast_cancer", 0.93)])
def test_the_samples_are_learned_by_the_defaults(name, accuracy, tmp_path):
    scores = [on_sample(name, tmp_path / str(seed), seed=seed).result["test"]["accuracy"] for seed in range(3)]
    assert sum(scores) / len(scores) >= accuracy


def test_texts_are_learned_by_the_defaults_beside_a_bag_of_words(tmp_path):
    result = on_sample("docstrings", tmp_path).result
    bag = next(baseline for baseline in result["baselines"] if baseline["name"] == "bag_of_words")
    assert result["test"]["accuracy"] >= 0.65
    assert bag["test"]["accuracy"] >= 0.6
    assert "bag of words" in result["verdict"]
    assert result["data_report"]["text"]["tokenizer"] == "word"


def test_names_are_learned_letter_by_letter(tmp_path):
    result = on_sample("surnames", tmp_path, training={"epochs": 8}).result
    assert result["test"]["accuracy"] >= 0.55
    assert result["data_report"]["text"]["tokenizer"] == "char"
    assert result["data_report"]["accuracy_ceiling"] < 1


def test_a_forecast_is_compared_with_naive_ones(tmp_path):
    standard = {"preprocessing": {"series": {"target_scale": "standard"}}}
    result = on_sample("airline_passengers", tmp_path, training={"epochs": 2}, **standard).result
    assert {baseline["name"] for baseline in result["baselines"]} == {
        "last_value",
        "seasonal_naive",
        "linear_autoregression",
    }
    assert (result["beats_baselines"], result["standing"]) == (False, "loses")
    assert "loses to" in result["verdict"]


@pytest.mark.parametrize("seed", range(3))
def test_a_forecast_by_the_defaults_is_as_good_as_autoregression(seed, tmp_path):
    result = on_sample("airline_passengers", tmp_path, seed=seed).result
    rivals = {baseline["name"]: baseline["test"]["rmse"] for baseline in result["baselines"]}
    assert result["test"]["rmse"] < rivals["seasonal_naive"] / 2
    assert result["test"]["rmse"] < 1.02 * rivals["linear_autoregression"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_result_is_whole_and_plain_json(family, tmp_path):
    name, sections = FAMILIES[family]
    result = train_on(name, tmp_path, **sections)
    assert (result.outcome, result.step) == ("succeeded", result.result["steps"])
    assert result.result.keys() >= WHOLE
    assert json.loads(json.dumps(result.result, allow_nan=False)) == result.result
    assert result.result["phase_seconds"].keys() == {"preparing_data", "training", "evaluating", "saving"}


def test_a_result_says_how_each_class_fares(tmp_path):
    table = train_on("flowers", tmp_path).result["per_class"]
    assert [row["class"] for row in table] == ["a", "b", "c"]
    assert all(0 <= row[score] <= 1 for row in table for score in ("precision", "recall", "f1"))
    assert sum(row["rows"] for row in table) == 18


def test_the_returned_weights_are_those_of_the_best_epoch(tmp_path):
    told = Recording()
    nothing_improves = {"min_delta": 1e9}
    result = train_on("flowers", tmp_path, callbacks=[told], early_stopping=nothing_improves).result
    assert result["best"]["epoch"] == 1
    assert result["best"]["step"] < result["steps"]
    final = next(checkpoint for checkpoint in told.checkpoints if "final" in checkpoint.kinds)
    assert (final.step, final.kinds) == (result["best"]["step"], {"best", "final"})
    assert result["weights_sha256"] == next(file.sha256 for file in final.files if file.name == "weights.safetensors")
    assert result["metrics"]["validation/loss"] == result["best"]["value"]


def test_without_early_stopping_the_last_weights_are_returned(tmp_path):
    told = Recording()
    result = train_on("flowers", tmp_path, callbacks=[told], early_stopping=None).result
    final = next(checkpoint for checkpoint in told.checkpoints if "final" in checkpoint.kinds)
    assert final.step == result["steps"]
    assert result["metrics"] == result["last"]["metrics"]


def test_the_best_can_be_told_and_the_last_returned(tmp_path):
    told = Recording()
    keep_last = {"min_delta": 1e9, "restore_best": False}
    result = train_on("flowers", tmp_path, callbacks=[told], early_stopping=keep_last).result
    kinds = {checkpoint.step: checkpoint.kinds for checkpoint in told.checkpoints}
    assert kinds == {result["best"]["step"]: {"best"}, result["steps"]: {"latest", "final"}}


def test_the_weights_that_are_returned_are_those_that_were_tested(tmp_path):
    told = Recording()
    result = train_on("prices", tmp_path, callbacks=[told]).result
    final = next(checkpoint for checkpoint in told.checkpoints if "final" in checkpoint.kinds)
    weights = safetensors.torch.load_file(final.path / "weights.safetensors")
    session = session_for("prices")
    session.model.load_state_dict(weights)
    session.model.eval()
    values = session.model.predict(session.data.test.inputs).detach()
    truth = session.model.in_original_units(session.data.test.targets)
    assert float((values - truth).square().mean().sqrt()) == pytest.approx(result["test"]["rmse"], rel=1e-5)


def test_what_happens_is_told_in_order(tmp_path):
    told = Recording()
    result = train_on("flowers", tmp_path, callbacks=[told])
    assert told.phases == ["preparing_data", "training", "evaluating", "saving"]
    assert told.resolved.resources.device == "cpu"
    assert told.resolved.training.precision == "fp32"
    assert told.facts["parameters"] == result.result["parameters"] > 0
    assert (told.facts["steps"], told.facts["step"]) == (result.step, 0)
    assert told.progress[-1].fraction == 1.0
    assert {path.name for path in tmp_path.iterdir()} == {str(checkpoint.step) for checkpoint in told.checkpoints}


def test_a_spec_that_is_not_resolved_is_resolved_against_the_data(tmp_path):
    spec = parse({"data": {"dataset": "x", "target": "kind"}, "training": {"epochs": 1}})
    result = train(spec, flowers(), directory=tmp_path, device="cpu")
    assert result.result["test"]["accuracy"] > 0
    with pytest.raises(InvalidSpec, match="there is no column 'kin'"):
        train(parse({"data": {"dataset": "x", "target": "kin"}}), flowers(), directory=tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("order", "outcome"), [(Order.CANCEL, "cancelled"), (Order.PAUSE, "paused"), (Order.DRAIN, "drained")]
)
def test_a_run_that_is_broken_off_says_so_and_tests_nothing(order, outcome, tmp_path):
    told = Recording(order=order, at=2)
    result = train_on("flowers", tmp_path, callbacks=[told])
    assert (result.outcome, result.step) == (outcome, 2)
    assert told.phases == ["preparing_data", "training"]


def test_a_run_that_is_stopped_succeeds_with_its_best_weights(tmp_path):
    told = Recording(order=Order.STOP, at=8)
    result = train_on("flowers", tmp_path, callbacks=[told], training={"epochs": 500, "batch_size": 16})
    assert (result.outcome, result.step, result.result["ended_by"]) == ("succeeded", 8, "stopped")
    assert "accuracy" in result.result["test"]


def test_a_job_without_baselines_scores_none(tmp_path):
    result = train_on("flowers", tmp_path, evaluation={"baselines": False}).result
    assert (result["baselines"], result["beats_baselines"]) == ([], None)


def test_metrics_are_those_that_were_asked_for(tmp_path):
    wanted = ["balanced_accuracy", "precision_macro", "recall_macro"]
    result = train_on("flowers", tmp_path, evaluation={"metrics": wanted}).result
    assert set(result["test"]) == {"loss", *wanted}


def test_a_checkpoint_holds_all_that_predicting_needs(tmp_path):
    told = Recording()
    train_on("flowers", tmp_path, callbacks=[told])
    state = load(told.checkpoints[-1].path).state
    assert state["signature"]["classes"] == ["a", "b", "c"]
    assert parse(state["spec"]).data.target == "kind"
    assert state["data"]["encoding"]["kind"] == "table"


def test_seeds_make_runs_differ_and_repeat(tmp_path):
    digests = [
        train_on("flowers", tmp_path / str(number), seed=seed).result["weights_sha256"]
        for number, seed in enumerate((1, 1, 2))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_a_run_leaves_torch_as_it_was(tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    before = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
    train_on("flowers", tmp_path)
    assert torch.equal(torch.rand(2), expected)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before


def test_a_gpu_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    source = flowers()
    with pytest.raises(TrainingError, match="this worker has none") as caught:
        train(spec_for("flowers", source), source, directory=tmp_path, device="cuda")
    assert (caught.value.code, caught.value.fault) == ("no_gpu", "infrastructure")


def test_data_that_cannot_be_trained_on_is_refused(tmp_path):
    source = flowers(rows=12)
    with pytest.raises(InvalidData):
        train(spec_for("flowers", source), flowers(rows=0), directory=tmp_path, device="cpu")


def test_the_spec_in_a_checkpoint_is_the_one_that_was_resolved(tmp_path):
    told = Recording()
    train_on("flowers", tmp_path, callbacks=[told])
    assert load(told.checkpoints[-1].path).state["spec"] == document(told.resolved)


def test_a_run_gives_signs_of_life_in_every_phase(tmp_path):
    class Signs(Recording):
        def on_sign(self):
            self.log.append(("sign", self.phases[-1]))

    told = Signs()
    train_on("flowers", tmp_path, callbacks=[told])
    assert {phase for kind, phase in told.log if kind == "sign"} == set(told.phases)
