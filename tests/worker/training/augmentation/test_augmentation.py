"""Augmentation as a part of training: what it changes, when, and that it is a function of seed and step."""

from typing import get_args

import pytest
import torch

from models.spec import augmentation as specs
from models.spec import parse
from tests.worker.training.material import session_for, train_on
from worker.training.augmentation import STEPS, build
from worker.training.randomness import seed_step
from worker.training.rows import Rows

MEMBERS = get_args(get_args(specs.Augmentation)[0])
NETWORKS = {
    "stripes": {"type": "cnn", "channels": [4], "hidden": [], "norm": "none"},
    "waves": {"type": "mlp", "hidden": [8]},
    "flowers": {"type": "mlp", "hidden": [8]},
}
KINDS = {"image": "stripes", "series": "waves", "table": "flowers"}
SHORT = {"epochs": 1, "batch_size": 32, "max_steps": 2}


def name_of(member):
    return member.model_fields["type"].default


def weights(name, directory, augmentation, **sections):
    sections = {"network": NETWORKS[name], "training": SHORT, **sections}
    return train_on(name, directory, augmentation=augmentation, **sections).result["weights_sha256"]


def test_every_augmentation_of_the_spec_can_be_built_and_no_other():
    assert set(STEPS) == set(MEMBERS)


@pytest.mark.parametrize("member", [member for member in MEMBERS if member.READS & KINDS.keys()], ids=name_of)
def test_what_is_asked_for_changes_what_is_learned(member, tmp_path):
    for kind in sorted(member.READS & KINDS.keys()):
        name = KINDS[kind]
        plain = weights(name, tmp_path / f"{kind}-plain", [])
        assert weights(name, tmp_path / kind, [name_of(member)]) != plain


def test_nothing_is_done_where_nothing_is_asked_for():
    assert session_for("stripes", augmentation=[]).augmentation is None
    assert session_for("stripes").augmentation is None  # too small for the crop of auto
    assert session_for("flowers").augmentation is None


def test_a_batch_is_changed_by_seed_and_step_alone():
    session = session_for("stripes", augmentation=["random_crop", "color", "blur", "mixup"])
    rows = session.train.take(torch.arange(16))

    def at(seed, step):
        seed_step(seed, step, session.device)
        changed = session.augmentation(rows)
        return changed.inputs["image"], changed.mixture.targets

    assert all(torch.equal(*pair) for pair in zip(at(1, 5), at(1, 5), strict=True))
    assert not torch.equal(at(1, 5)[0], at(1, 6)[0])
    assert not torch.equal(at(1, 5)[0], at(2, 5)[0])


def test_images_are_changed_before_they_are_preprocessed():
    session = session_for("stripes", augmentation=["horizontal_flip", {"type": "color", "brightness": 0.9}])
    rows = session.train.take(torch.arange(16))
    changed = session.augmentation(rows)
    assert not changed.is_ready
    assert float(changed.inputs["image"].amax()) <= 255
    assert torch.equal(changed.targets, rows.targets)


def test_rows_that_are_not_prepared_yet_are_prepared_first(monkeypatch):
    monkeypatch.setattr("worker.training.rows.MAX_READY_VALUES", 10)
    session = session_for("waves", augmentation=[{"type": "jitter", "std": 0.0}])
    rows = session.train.take(torch.arange(8))
    assert not rows.is_ready
    changed = session.augmentation(rows)
    assert changed.is_ready
    assert torch.equal(changed.inputs["series"], session.model.preprocessing(rows.inputs)["series"])


def test_steps_follow_each_other_as_listed():
    steps = parse({"data": {"dataset": "x"}, "augmentation": ["vertical_flip", "horizontal_flip"]}).augmentation
    steps = tuple(step.model_copy(update={"p": 1.0}) for step in steps)
    images = torch.arange(12).reshape(1, 1, 3, 4)
    rows = Rows({"image": images}, torch.zeros(1), is_ready=False)
    changed = build(steps, preprocessing=torch.nn.Identity())(rows)
    assert torch.equal(changed.inputs["image"], images.flip(2, 3))


def test_rows_to_score_are_not_changed(tmp_path):
    heavy = [{"type": "cutout", "size": 1.0}, {"type": "rotate", "degrees": 180.0}]
    frozen = {"optimizer": {"type": "sgd", "learning_rate": 1e-30}, "network": NETWORKS["stripes"], "training": SHORT}
    plain = train_on("stripes", tmp_path / "plain", **frozen).result
    assert train_on("stripes", tmp_path / "heavy", augmentation=heavy, **frozen).result["test"] == plain["test"]


def test_a_crop_leads_to_what_is_learned_from_moved_images(tmp_path):
    sections = {
        "network": {"type": "cnn", "channels": [8], "hidden": [16]},
        "training": {"epochs": 25, "batch_size": 16},
    }
    result = train_on("stripes", tmp_path, augmentation=[{"type": "random_crop", "padding": 1}, "mixup"], **sections)
    assert result.result["test"]["accuracy"] > 0.85
