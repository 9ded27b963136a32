"""A checkpoint is whole or not there, and is trusted only after every byte has been checked."""

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest
import safetensors.numpy
import torch

from worker.training import CheckpointRefused
from worker.training.checkpoint import Snapshot, described, latest_good, load, save
from worker.training.checkpoint.background import Abandoned
from worker.training.checkpoint.writing import BEST, MANIFEST, OPTIMIZER, STATE, WEIGHTS

STATE_DOCUMENT = {"scores": {"validation/loss": 0.5}, "is_complete": True, "counters": {"step": 7}}


def snapshot(step=7, value=1.0, *, best=None):
    weights = {"layer.weight": torch.full((2, 3), value), "count": torch.tensor(4)}
    return Snapshot(step, 2, weights, {"0.exp_avg": torch.ones(3)}, STATE_DOCUMENT, best or {})


def saved_to(directory, *, step=7, value=1.0, best=None):
    facts = {"spec_sha256": "s", "torch": torch.__version__}
    return save(
        directory, snapshot(step, value, best=best), kinds=frozenset({"latest"}), metrics={"m": 1.0}, facts=facts
    )


def test_what_is_saved_is_loaded(tmp_path):
    saved = saved_to(tmp_path, best={"layer.weight": torch.zeros(2, 3)})
    loaded = load(saved.path)
    assert saved.path == tmp_path / "7"
    assert (loaded.step, loaded.epoch, dict(loaded.state)) == (7, 2, STATE_DOCUMENT)
    assert torch.equal(loaded.weights["layer.weight"], torch.ones(2, 3))
    assert loaded.weights["count"].item() == 4
    assert torch.equal(loaded.optimizer["0.exp_avg"], torch.ones(3))
    assert torch.equal(loaded.best["layer.weight"], torch.zeros(2, 3))


def test_files_that_have_nothing_to_hold_are_left_out(tmp_path):
    path = save(tmp_path, snapshot().without_optimizer(), kinds=frozenset(), metrics={}, facts={}).path
    assert {file.name for file in path.iterdir()} == {WEIGHTS, STATE, MANIFEST}
    assert load(path).optimizer == {}
    assert not load(path).is_complete


def test_weights_open_with_safetensors_and_nothing_of_ours(tmp_path):
    arrays = safetensors.numpy.load_file(saved_to(tmp_path).path / WEIGHTS)
    assert arrays["layer.weight"].tolist() == [[1.0] * 3] * 2


def test_every_file_is_told_with_its_size_and_digest(tmp_path):
    saved = saved_to(tmp_path)
    assert {file.name for file in saved.files} == {WEIGHTS, OPTIMIZER, STATE, MANIFEST}
    for file in saved.files:
        content = (saved.path / file.name).read_bytes()
        assert (file.bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert saved.manifest_sha256 == next(file.sha256 for file in saved.files if file.name == MANIFEST)


def test_the_manifest_vouches_for_the_files_and_says_where_they_come_from(tmp_path):
    saved = saved_to(tmp_path)
    manifest = json.loads((saved.path / MANIFEST).read_bytes())
    assert (manifest["step"], manifest["epoch"], manifest["spec_sha256"]) == (7, 2, "s")
    assert manifest["files"][WEIGHTS] == {
        "bytes": (saved.path / WEIGHTS).stat().st_size,
        "sha256": hashlib.sha256((saved.path / WEIGHTS).read_bytes()).hexdigest(),
    }
    assert described(saved.path, kinds=saved.kinds, metrics=saved.metrics) == saved


def test_the_same_tensors_make_the_same_bytes(tmp_path):
    first, second = saved_to(tmp_path / "a"), saved_to(tmp_path / "b")
    assert first.files == second.files


def test_saving_a_step_again_replaces_it(tmp_path):
    saved_to(tmp_path, value=1.0)
    saved_to(tmp_path, value=2.0)
    assert load(tmp_path / "7").weights["layer.weight"][0, 0] == 2.0
    assert [path.name for path in tmp_path.iterdir()] == ["7"]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, flip, Path.unlink])
@pytest.mark.parametrize("name", [WEIGHTS, OPTIMIZER, STATE, BEST])
def test_a_damaged_file_is_found(tmp_path, name, damage):
    path = saved_to(tmp_path, best={"layer.weight": torch.zeros(2, 3)}).path
    damage(path / name)
    with pytest.raises(CheckpointRefused, match=f"7/{name}"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"format": 1}', b'{"format": 2, "files": {}}'])
def test_a_manifest_that_is_none_is_found(tmp_path, content):
    path = saved_to(tmp_path).path
    (path / MANIFEST).write_bytes(content)
    with pytest.raises(CheckpointRefused, match="checkpoint 7"):
        load(path)


def test_a_folder_without_a_manifest_is_no_checkpoint(tmp_path):
    path = saved_to(tmp_path).path
    (path / MANIFEST).unlink()
    with pytest.raises(CheckpointRefused, match="no readable manifest"):
        load(path)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_not_trusted(tmp_path, poison):
    path = saved_to(tmp_path, value=poison).path
    with pytest.raises(CheckpointRefused, match=r"layer.weight is not finite"):
        load(path)


def test_the_newest_good_checkpoint_is_found_behind_damaged_ones(tmp_path):
    for step in (3, 20, 100):
        saved_to(tmp_path, step=step)
    flip(tmp_path / "100" / WEIGHTS)
    (tmp_path / ".tmp-200-abcd").mkdir()
    heard = []
    assert latest_good(tmp_path, on_damage=heard.append).step == 20
    assert heard == [f"100/{WEIGHTS} is not what its manifest says"]
    assert latest_good(tmp_path, before=20).step == 3


def test_a_checkpoint_of_other_data_or_another_spec_is_refused(tmp_path):
    path = saved_to(tmp_path).path
    assert load(path, wanted={"spec_sha256": "s"}).step == 7
    for name, what in (("spec_sha256", "spec"), ("data_sha256", "data")):
        with pytest.raises(CheckpointRefused, match=f"checkpoint 7 is of another {what}"):
            load(path, wanted={name: "other"})
    assert latest_good(tmp_path, wanted={"spec_sha256": "other"}) is None


def test_training_does_not_go_on_without_the_state_of_its_optimizer(tmp_path):
    path = save(tmp_path, snapshot().without_optimizer(), kinds=frozenset(), metrics={}, facts={}).path
    with pytest.raises(CheckpointRefused, match="holds what predicts"):
        load(path, wanted={})


def test_where_nothing_is_good_there_is_none(tmp_path):
    assert latest_good(tmp_path) is None
    assert latest_good(tmp_path / "missing") is None
    truncate(saved_to(tmp_path).path / WEIGHTS)
    assert latest_good(tmp_path) is None


class Crash(BaseException):
    """What a killed process looks like from inside."""


def calls_of_a_save(tmp_path, monkeypatch):
    """Every durable act of a save, in order, and a way to fail at one of them."""
    acts = []
    fail_at, failure = [None], [None]

    def watched(name, act):
        def call(*arguments, **keywords):
            acts.append(name)
            if fail_at[0] == len(acts) - 1:
                raise failure[0]
            return act(*arguments, **keywords)

        return call

    monkeypatch.setattr(os, "fsync", watched("fsync", os.fsync))
    monkeypatch.setattr(Path, "rename", watched("rename", Path.rename))
    monkeypatch.setattr(Path, "mkdir", watched("mkdir", Path.mkdir))
    return acts, fail_at, failure


def test_everything_is_synced_before_the_rename_and_the_folder_above_after_it(tmp_path, monkeypatch):
    acts, _, _ = calls_of_a_save(tmp_path, monkeypatch)
    saved_to(tmp_path)
    files = 4  # weights, optimizer, state, manifest
    assert acts == ["mkdir", *["fsync"] * files, "fsync", "rename", "fsync"]


@pytest.mark.parametrize("at", range(8))
def test_a_crash_at_any_moment_leaves_the_old_or_the_new(tmp_path, monkeypatch, at):
    saved_to(tmp_path, step=5)
    _, fail_at, failure = calls_of_a_save(tmp_path, monkeypatch)
    fail_at[0], failure[0] = at, Crash()
    with pytest.raises(Crash):
        saved_to(tmp_path, step=7)
    monkeypatch.undo()
    found = latest_good(tmp_path)
    assert found is not None
    assert found.step in (5, 7)
    assert (found.step == 7) is (at == 7)  # the last act syncs what is already in place


@pytest.mark.parametrize("at", range(8))
def test_a_disk_that_fails_leaves_no_trace(tmp_path, monkeypatch, at):
    saved_to(tmp_path, step=5)
    _, fail_at, failure = calls_of_a_save(tmp_path, monkeypatch)
    fail_at[0], failure[0] = at, OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        saved_to(tmp_path, step=7)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["5"]


def acts_of_saving_again(tmp_path, monkeypatch, *, at, failure):
    """Save step 7 with ones, then again with twos, which fails at one of its durable acts."""
    saved_to(tmp_path, value=1.0)
    acts, fail_at, failures = calls_of_a_save(tmp_path, monkeypatch)
    fail_at[0], failures[0] = at, failure
    with pytest.raises(type(failure)):
        saved_to(tmp_path, value=2.0)
    monkeypatch.undo()
    return acts


def value_of(snapshot):
    return float(snapshot.weights["layer.weight"][0, 0])


ACTS_OF_SAVING_AGAIN = ("mkdir", *["fsync"] * 5, "rename", "rename", "fsync")


@pytest.mark.parametrize("at", range(len(ACTS_OF_SAVING_AGAIN)))
def test_a_crash_at_any_moment_of_saving_again_leaves_the_old_or_the_new(tmp_path, monkeypatch, at):
    acts = acts_of_saving_again(tmp_path, monkeypatch, at=at, failure=Crash())
    assert acts == list(ACTS_OF_SAVING_AGAIN[: at + 1])
    expected = 2.0 if at == len(ACTS_OF_SAVING_AGAIN) - 1 else 1.0
    assert value_of(load(tmp_path / "7")) == expected
    assert value_of(latest_good(tmp_path)) == expected
    assert described(tmp_path / "7", kinds=frozenset(), metrics={}).step == 7
    saved_to(tmp_path, value=3.0)
    assert value_of(load(tmp_path / "7")) == 3.0
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".tmp-")] == ["7"]


@pytest.mark.parametrize("at", range(len(ACTS_OF_SAVING_AGAIN)))
def test_a_disk_that_fails_while_saving_again_leaves_the_old_in_its_place(tmp_path, monkeypatch, at):
    acts_of_saving_again(tmp_path, monkeypatch, at=at, failure=OSError(errno.EIO, "Input/output error"))
    assert [path.name for path in tmp_path.iterdir()] == ["7"]
    assert value_of(load(tmp_path / "7")) == 1.0


def test_a_crash_while_the_replaced_folder_is_removed_is_forgotten(tmp_path):
    saved_to(tmp_path, value=2.0)
    (tmp_path / "7.old").mkdir()
    assert value_of(latest_good(tmp_path)) == 2.0
    saved_to(tmp_path, value=3.0)
    assert [path.name for path in tmp_path.iterdir()] == ["7"]
    assert value_of(load(tmp_path / "7")) == 3.0


def test_a_save_gives_a_sign_after_every_piece_and_every_sync_of_a_file(tmp_path):
    signs = []
    content = snapshot(best={"layer.weight": torch.zeros(2, 3)})
    save(
        tmp_path,
        content,
        kinds=frozenset(),
        metrics={},
        facts={},
        on_sign=lambda: signs.append(len(list(next(tmp_path.iterdir()).iterdir()))),
    )
    best, optimizer, state, weights = 2, 2, 1, 3  # a header each where there are tensors
    assert signs == [*[1] * best, *[2] * optimizer, *[3] * state, *[4] * weights, *[4] * 4]


def test_a_save_that_is_abandoned_leaves_no_trace(tmp_path):
    saved_to(tmp_path, step=5)
    signs = []

    def abandon():
        signs.append(1)
        if len(signs) == 2:
            raise Abandoned

    with pytest.raises(Abandoned):
        save(tmp_path, snapshot(), kinds=frozenset(), metrics={}, facts={}, on_sign=abandon)
    assert [path.name for path in tmp_path.iterdir()] == ["5"]


def test_a_large_file_has_the_digest_of_its_bytes_too(tmp_path):
    large = Snapshot(7, 2, {"weight": torch.rand(1 << 19)}, {}, STATE_DOCUMENT)
    path = save(tmp_path, large, kinds=frozenset(), metrics={}, facts={}).path
    assert (path / WEIGHTS).stat().st_size > 1 << 20
    assert torch.equal(load(path).weights["weight"], large.weights["weight"])
