"""A run goes on while it is saved, and ends only when what it leaves is durable, or said not to be."""

import errno
import os
import threading

import pytest
import torch

from tests.worker.training.families import FAMILIES
from tests.worker.training.material import Recording, session_for, train_on
from tests.worker.training.test_loop import loop_for
from worker.training import Order, golden_rows
from worker.training.checkpoint import load
from worker.training.loop import Ending

PATIENCE_SECONDS = 60


class Disk:
    """A disk whose syncs wait until somebody lets them, or fail."""

    def __init__(self, monkeypatch):
        self.has_room = threading.Event()
        self.asked = threading.Event()
        self.error = None
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._sync)

    def _sync(self, descriptor):
        self.asked.set()
        assert self.has_room.wait(PATIENCE_SECONDS)
        if self.error is not None:
            raise self.error
        self._fsync(descriptor)


class Letting(Recording):
    """Lets the disk go on once a step is done."""

    def __init__(self, disk, *, at, **words):
        super().__init__(**words)
        self._disk, self._from = disk, at

    def on_step(self, progress):
        super().on_step(progress)
        if progress.step >= self._from:
            assert self._disk.asked.wait(PATIENCE_SECONDS)
            self._disk.has_room.set()


ONCE = {"training": {"epochs": 1, "batch_size": 8}, "checkpoints": {"every": "4 steps"}}


def test_training_goes_on_while_a_checkpoint_is_written(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    told = Letting(disk, at=7)
    train_on("flowers", tmp_path / "slow", callbacks=[told], **ONCE)
    monkeypatch.undo()
    assert told.checkpoints[0].step == 4
    assert len(told.progress) > 7
    train_on("flowers", tmp_path / "quick", **ONCE)
    slow, quick = (load(tmp_path / folder / "4") for folder in ("slow", "quick"))
    for name, weight in quick.weights.items():
        assert torch.equal(slow.weights[name], weight), "not those of a later step"
    for name, moment in quick.optimizer.items():
        assert torch.equal(slow.optimizer[name], moment)
    assert torch.equal(slow.golden["outputs"], quick.golden["outputs"])


def test_a_disk_that_fails_in_the_background_ends_the_run_with_its_error(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    disk.error = OSError(errno.ENOSPC, "No space left on device")
    disk.has_room.set()
    told = Recording()
    with pytest.raises(OSError, match="No space left"):
        train_on("flowers", tmp_path, callbacks=[told], **ONCE)
    assert told.checkpoints == []
    assert list(tmp_path.iterdir()) == []


def test_a_pause_waits_until_the_checkpoint_is_durable(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    disk.has_room.set()
    told = Recording(order=Order.PAUSE, at=5)
    loop = loop_for("flowers", tmp_path, callback=told, **ONCE)
    assert loop.fit() is Ending.PAUSED
    assert [saved.step for saved in told.checkpoints] == [4, 5]
    assert load(tmp_path / "5").is_complete


def test_a_cancelled_run_leaves_no_half_of_a_checkpoint(tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    told = Letting(disk, at=6, order=Order.CANCEL)
    told._at = 6
    loop = loop_for("flowers", tmp_path, callback=told, **ONCE)
    assert loop.fit() is Ending.CANCELLED
    assert not [thread for thread in threading.enumerate() if thread.name == "checkpoint"]
    assert {path.name for path in tmp_path.iterdir()} <= {"4"}


def test_a_run_that_is_broken_off_by_an_error_leaves_no_thread_behind(tmp_path, monkeypatch):
    class Broken(Letting):
        def on_step(self, progress):
            super().on_step(progress)
            if progress.step == 6:
                raise KeyError("somewhere else")

    disk = Disk(monkeypatch)
    loop = loop_for("flowers", tmp_path, callback=Broken(disk, at=5), **ONCE)
    with pytest.raises(KeyError):
        loop.fit()
    assert [path.name for path in tmp_path.iterdir()] == ["4"]


class WaitsForTheScores(Recording):
    """Lets the disk go on when nothing is left to do but to save."""

    def __init__(self, disk):
        super().__init__()
        self._disk = disk

    def on_phase(self, phase):
        super().on_phase(phase)
        if phase == "saving":
            assert self._disk.asked.wait(PATIENCE_SECONDS)
            self._disk.has_room.set()


def test_the_last_state_is_written_while_the_run_is_scored_and_told_once_it_is_durable(tmp_path, monkeypatch):
    told = WaitsForTheScores(Disk(monkeypatch))
    result = train_on("flowers", tmp_path, callbacks=[told], training={"epochs": 2, "batch_size": 16})
    assert told.phases[-2:] == ["evaluating", "saving"]
    assert {"final", "latest"} <= set().union(*(saved.kinds for saved in told.checkpoints))
    assert load(tmp_path / str(result.step)).is_complete


def test_a_run_that_cannot_be_scored_leaves_no_thread_behind(tmp_path, monkeypatch):
    class Unscored(Recording):
        def on_sign(self):
            if "evaluating" in self.phases and threading.current_thread() is threading.main_thread():
                raise KeyError("somewhere else")

    with pytest.raises(KeyError):
        train_on("flowers", tmp_path, callbacks=[Unscored()], training={"epochs": 1, "batch_size": 16})
    assert not [thread for thread in threading.enumerate() if thread.name == "checkpoint"]
    assert [path.name.isdecimal() for path in tmp_path.iterdir()] == [True]


def test_the_best_epoch_is_copied_once_where_it_is_saved_too(tmp_path):
    loop = loop_for("flowers", tmp_path, training={"epochs": 1, "batch_size": 16}, checkpoints={"every": "1 epoch"})
    loop.fit()
    loop.keeper.settle()
    assert len(loop.session.rooms["weights"]._rooms) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_the_outline_of_a_model_answers_as_the_model_without_holding_its_weights(family):
    name, sections = FAMILIES[family]
    session = session_for(name, **sections)
    rows = session.data.test
    outline = golden_rows.outline(session.model)
    weights = session.snapshot().weights
    wanted = golden_rows.answered(session.model, weights, rows)
    assert torch.equal(golden_rows.answered(outline, weights, rows)["outputs"], wanted["outputs"])
    assert all(weight.is_meta for weight in outline.parameters())
    assert not any(weight.is_meta for weight in session.model.parameters())
