"""A run that is interrupted anywhere, any number of times, ends with the bits of one that never was."""

import random
import shutil

import pytest
import torch

from tests.worker.training.families import FAMILIES, everything
from tests.worker.training.material import Recording, session_for, train_on
from worker.training import Callback, Order, networks, optimizers
from worker.training.checkpoint import load

#: What a result says that depends on the machine and not on the numbers.
OF_THE_MACHINE = ("samples_per_second", "phase_seconds", "peak_memory_bytes")

ALWAYS_SAVING = {"checkpoints": {"every": "1 step"}}


@pytest.fixture(autouse=True)
def _patient_trees(monkeypatch):
    """A baseline that is cut short by the clock is not the same twice."""
    monkeypatch.setattr("worker.training.baselines.trees.MAX_SECONDS", 1e9)


def numbers_in(result):
    return {name: value for name, value in result.result.items() if name not in OF_THE_MACHINE}


class Killed(BaseException):
    """The process is gone: nothing after this runs."""


class KillAt(Callback):
    """Kills the run right after a step, before anything is saved of it."""

    def __init__(self, at):
        self.at = at

    def on_step(self, progress):
        if progress.step == self.at:
            raise Killed


def cuts_for(steps, *, num, seed):
    return sorted(random.Random(seed).sample(range(1, steps), num))


def test_no_family_of_networks_is_forgotten():
    covered = {sections["network"]["type"] for _, sections in FAMILIES.values()}
    assert covered == {kind.model_fields["type"].default for kind in networks.NETWORKS}


@pytest.mark.parametrize("family", FAMILIES)
def test_everything_is_on_in_the_runs_that_are_interrupted(family):
    name, sections = everything(family)
    session = session_for(name, **sections)
    assert session.augmentation is not None
    assert session.average is not None
    assert session.update.schedule.state() is not None
    assert any(isinstance(module, torch.nn.Dropout) and module.p for module in session.model.modules())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_that_is_drained_again_and_again_ends_with_the_same_bits(family, tmp_path):
    name, sections = everything(family)
    whole = train_on(name, tmp_path / "whole", **sections)
    resume = None
    for cut in cuts_for(whole.step, num=3, seed=1):
        directory = tmp_path / f"until-{cut}"
        drained = train_on(name, directory, callbacks=[Recording(order=Order.DRAIN, at=cut)], resume=resume, **sections)
        assert (drained.outcome, drained.step) == ("drained", cut)
        resume = directory / str(cut)
    assert numbers_in(train_on(name, tmp_path / "rest", resume=resume, **sections)) == numbers_in(whole)


@pytest.mark.parametrize("family", ["mlp", "cnn", "lstm"])
def test_a_run_that_is_killed_goes_on_from_its_last_checkpoint_with_the_same_bits(family, tmp_path):
    name, sections = FAMILIES[family]
    whole = train_on(name, tmp_path / "whole", **sections)
    for every in ("3 steps", "1 epoch"):
        for cut in cuts_for(whole.step, num=2, seed=2):
            directory = tmp_path / f"{every}-{cut}"
            often = {**sections, "checkpoints": {"every": every}}
            with pytest.raises(Killed):
                train_on(name, directory, callbacks=[KillAt(cut)], **often)
            newest = max((int(path.name) for path in directory.glob("[0-9]*")), default=None)
            resume = None if newest is None else directory / str(newest)
            assert numbers_in(train_on(name, directory, resume=resume, **often)) == numbers_in(whole)


@pytest.mark.parametrize(
    ("ended_by", "training"),
    [
        ("epochs", {"epochs": 3, "batch_size": 32}),
        ("max_steps", {"epochs": 9, "batch_size": 32, "max_steps": 8}),
        ("epochs", {"epochs": 3, "batch_size": 32, "max_steps": 8}),
    ],
)
def test_a_cut_at_any_step_and_at_the_last_one_changes_no_bit(ended_by, training, tmp_path):
    sections = {"network": {"type": "mlp", "hidden": [8]}, "training": training}
    whole = train_on("flowers", tmp_path / "whole", **sections)
    assert whole.result["ended_by"] == ended_by
    for cut in range(1, whole.step + 1):
        directory = tmp_path / f"until-{cut}"
        drained = train_on("flowers", directory, callbacks=[Recording(order=Order.DRAIN, at=cut)], **sections)
        assert (drained.outcome, drained.step) == ("drained", cut)
        rest = train_on("flowers", tmp_path / f"after-{cut}", resume=directory / str(cut), **sections)
        assert numbers_in(rest) == numbers_in(whole)


def test_a_cut_behind_the_last_step_leaves_no_step_and_a_validation_to_do(tmp_path):
    sections = {**FAMILIES["mlp"][1], "training": {"epochs": 9, "batch_size": 32, "max_steps": 5}}
    train_on("flowers", tmp_path / "first", callbacks=[Recording(order=Order.DRAIN, at=5)], **sections)
    told = Recording()
    train_on("flowers", tmp_path / "second", callbacks=[told], resume=tmp_path / "first" / "5", **sections)
    assert told.progress == []
    assert [step for step, _ in told.metrics["validation/loss"]] == [5]


OPTIMIZERS = (
    "sgd",
    "adam",
    "adamw",
    "nadam",
    "radam",
    "rmsprop",
    "adagrad",
    "adadelta",
    "lion",
    "muon",
    "lbfgs",
    {"type": "sgd", "momentum": 0.0},
)


def test_no_optimizer_is_forgotten():
    names = {name if isinstance(name, str) else name["type"] for name in OPTIMIZERS}
    assert names == {kind.model_fields["type"].default for kind in optimizers.OPTIMIZERS}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_goes_on_with_the_same_bits(optimizer, tmp_path):
    sections = {**FAMILIES["mlp"][1], "optimizer": optimizer, "training": {"epochs": 4, "batch_size": 16}}
    if optimizer == "lbfgs":
        sections["training"] = {"epochs": 14}
    whole = train_on("flowers", tmp_path / "whole", **sections)
    train_on("flowers", tmp_path / "part", callbacks=[Recording(order=Order.PAUSE, at=7)], **sections)
    rest = train_on("flowers", tmp_path / "rest", resume=tmp_path / "part" / "7", **sections)
    assert numbers_in(rest) == numbers_in(whole)


def test_every_checkpoint_of_a_run_leads_to_the_same_end(tmp_path):
    sections = {**FAMILIES["mlp"][1], **ALWAYS_SAVING, "training": {"epochs": 2, "batch_size": 16}}
    whole = train_on("flowers", tmp_path / "whole", **sections)
    steps = sorted(int(path.name) for path in (tmp_path / "whole").iterdir())
    assert steps == list(range(1, whole.step + 1))
    for step in steps:
        again = train_on("flowers", tmp_path / f"from-{step}", resume=tmp_path / "whole" / str(step), **sections)
        assert numbers_in(again) == numbers_in(whole)


def test_the_metrics_of_a_resumed_run_continue_those_of_the_checkpoint(tmp_path):
    sections = FAMILIES["mlp"][1]
    whole, first, second = Recording(), Recording(order=Order.DRAIN, at=9), Recording()
    train_on("flowers", tmp_path / "whole", callbacks=[whole], **sections)
    train_on("flowers", tmp_path / "first", callbacks=[first], **sections)
    train_on("flowers", tmp_path / "second", callbacks=[second], resume=tmp_path / "first" / "9", **sections)
    for name in ("train/loss", "train/accuracy", "train/gradient_norm", "train/learning_rate", "validation/loss"):
        assert first.metrics.get(name, []) + second.metrics[name] == whole.metrics[name]
    assert second.facts["step"] == 9


def test_a_damaged_checkpoint_is_passed_over_for_the_newest_good_one(tmp_path):
    sections = {**FAMILIES["mlp"][1], **ALWAYS_SAVING}
    whole = train_on("flowers", tmp_path / "whole", **sections)
    for step, name in ((20, "weights.safetensors"), (19, "manifest.json")):
        (tmp_path / "whole" / str(step) / name).unlink()
    told = Recording()
    again = train_on("flowers", tmp_path / "again", callbacks=[told], resume=tmp_path / "whole" / "20", **sections)
    assert [code for code, _ in told.warnings] == ["checkpoint_damaged", "checkpoint_damaged"]
    assert told.facts["step"] == 18
    assert numbers_in(again) == numbers_in(whole)


def test_a_snapshot_that_is_loaded_already_is_gone_on_from_without_its_files(tmp_path):
    sections = FAMILIES["mlp"][1]
    whole = train_on("flowers", tmp_path / "whole", **sections)
    train_on("flowers", tmp_path / "part", callbacks=[Recording(order=Order.PAUSE, at=7)], **sections)
    snapshot = load(tmp_path / "part" / "7")
    shutil.rmtree(tmp_path / "part")
    told = Recording()
    rest = train_on("flowers", tmp_path / "rest", callbacks=[told], resume=snapshot, **sections)
    assert told.facts["step"] == 7
    assert numbers_in(rest) == numbers_in(whole)


def test_a_loaded_snapshot_of_another_spec_is_not_gone_on_from(tmp_path):
    train_on("flowers", tmp_path / "part", callbacks=[Recording(order=Order.PAUSE, at=7)], seed=1)
    told = Recording()
    train_on("flowers", tmp_path / "rest", callbacks=[told], resume=load(tmp_path / "part" / "7"), seed=2)
    assert told.warnings == [
        ("checkpoint_damaged", "checkpoint 7 is of another spec"),
        ("no_checkpoint", "No checkpoint could be used; training starts from the beginning."),
    ]
    assert told.progress[0].step == 1


def test_where_no_checkpoint_is_good_training_starts_from_the_beginning(tmp_path):
    sections = FAMILIES["mlp"][1]
    whole = train_on("flowers", tmp_path / "whole", **sections)
    told = Recording()
    again = train_on("flowers", tmp_path / "again", callbacks=[told], resume=tmp_path / "missing" / "5", **sections)
    assert [code for code, _ in told.warnings] == ["checkpoint_damaged", "no_checkpoint"]
    assert numbers_in(again) == numbers_in(whole)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"seed": 7}, "of another spec"),
        ({"optimizer": {"type": "adamw", "learning_rate": 0.5}}, "of another spec"),
        ({"data": {"ignore": ["colour"]}}, "of another spec"),
    ],
)
def test_a_checkpoint_of_another_job_is_refused(tmp_path, change, what):
    sections = FAMILIES["mlp"][1]
    train_on("flowers", tmp_path / "first", callbacks=[Recording(order=Order.DRAIN, at=5)], **sections)
    told = Recording()
    train_on("flowers", tmp_path / "other", callbacks=[told], resume=tmp_path / "first" / "5", **{**sections, **change})
    assert [code for code, _ in told.warnings] == ["checkpoint_damaged", "no_checkpoint"]
    assert what in told.warnings[0][1]


def test_what_does_not_change_the_numbers_may_differ(tmp_path):
    sections = FAMILIES["mlp"][1]
    whole = train_on("flowers", tmp_path / "whole", **sections)
    train_on("flowers", tmp_path / "first", callbacks=[Recording(order=Order.DRAIN, at=5)], **sections)
    other = {"name": "again", "labels": {"a": "b"}, "priority": 3, "checkpoints": {"every": "7 steps"}}
    again = train_on("flowers", tmp_path / "other", resume=tmp_path / "first" / "5", **sections, **other)
    assert numbers_in(again) == numbers_in(whole)


def test_a_finished_run_that_is_resumed_finishes_again(tmp_path):
    sections = FAMILIES["mlp"][1]
    whole = train_on("flowers", tmp_path / "whole", **sections)
    again = train_on("flowers", tmp_path / "again", resume=tmp_path / "whole" / str(whole.step), **sections)
    assert numbers_in(again) == numbers_in(whole)
    shutil.rmtree(tmp_path / "again")
    same_folder = train_on("flowers", tmp_path / "whole", resume=tmp_path / "whole" / str(whole.step), **sections)
    assert numbers_in(same_folder) == numbers_in(whole)


def test_a_run_that_is_stopped_as_soon_as_it_goes_on_is_scored_like_one_that_was_stopped_there(tmp_path):
    stopped = train_on("flowers", tmp_path / "stopped", callbacks=[Recording(order=Order.STOP, at=7)])
    train_on("flowers", tmp_path / "part", callbacks=[Recording(order=Order.DRAIN, at=7)])
    told = Recording(order=Order.STOP)
    resumed = train_on("flowers", tmp_path / "rest", callbacks=[told], resume=tmp_path / "part" / "7")
    assert numbers_in(resumed) == numbers_in(stopped)
    assert [step for step, _ in told.metrics["validation/loss"]] == [7]
