"""One random operation per image."""

import math

import pytest
import torch

from worker.training.augmentation.geometry import warped
from worker.training.augmentation.light import brightened, contrasted, saturated
from worker.training.augmentation.policy import FULL, NAMES, RandomPolicy, operated

IMAGES = torch.rand(4, 3, 8, 8) * 255


def amounts(**given):
    return {name: torch.full((4, 1, 1, 1), given.get(name, 0.0)) for name in FULL}


def test_without_strength_nothing_changes():
    assert torch.equal(operated(IMAGES, amounts()), IMAGES)


@pytest.mark.parametrize(
    ("name", "amount", "change"),
    [
        ("brightness", -0.4, lambda amount: brightened(IMAGES, 1 + amount)),
        ("contrast", 0.7, lambda amount: contrasted(IMAGES, 1 + amount)),
        ("saturation", -0.5, lambda amount: saturated(IMAGES, 1 + amount)),
        ("solarize", 0.25, lambda _: torch.where(IMAGES > 255 * 0.75, 255 - IMAGES, IMAGES)),
        ("posterize", 3.0, lambda _: (IMAGES // 8) * 8),
    ],
)
def test_an_operation_on_colours_is_what_it_says(name, amount, change):
    wanted = change(torch.full((4, 1, 1, 1), amount))
    assert torch.allclose(operated(IMAGES, amounts(**{name: amount})), wanted, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "field", "amount"),
    [
        ("rotate", "angle", 0.5),
        ("right", "right", 0.2),
        ("down", "down", -0.2),
        ("size", "size", 0.2),
        ("shear", "shear", 0.3),
    ],
)
def test_an_operation_on_places_is_what_it_says(name, field, amount):
    still = {"angle": 0.0, "size": 1.0, "shear": 0.0, "right": 0.0, "down": 0.0}
    value = {"size": 1 + amount, "shear": math.tan(amount)}.get(field, amount)
    wanted = warped(IMAGES, **{key: torch.full((4,), kept) for key, kept in {**still, field: value}.items()})
    assert torch.allclose(operated(IMAGES, amounts(**{name: amount})), wanted, atol=1e-3)


def test_every_operation_is_picked_alike_and_one_at_a_time(monkeypatch):
    drawn = {}
    monkeypatch.setattr("worker.training.augmentation.policy.operated", lambda _images, found: drawn.update(found))
    torch.manual_seed(0)
    RandomPolicy(1, 0.5)(torch.zeros(11000, 3, 1, 1))
    used = torch.stack([drawn[name].flatten() != 0 for name in NAMES])
    assert int(used.sum(0).max()) == 1
    shares = used.float().mean(1).tolist()
    assert shares == pytest.approx([0.0] + [1 / 11] * 10, abs=0.01)
    for name in NAMES[1:]:
        found = drawn[name][drawn[name] != 0].abs()
        assert torch.allclose(found, torch.full_like(found, 0.5 * FULL[name]))


def test_a_strength_that_is_left_open_is_drawn_anew(monkeypatch):
    drawn = {}
    monkeypatch.setattr("worker.training.augmentation.policy.operated", lambda _images, found: drawn.update(found))
    torch.manual_seed(0)
    RandomPolicy(1, None)(torch.zeros(11000, 3, 1, 1))
    found = drawn["brightness"][drawn["brightness"] != 0] / FULL["brightness"]
    assert (float(found.amin()), float(found.amax())) == pytest.approx((-1, 1), abs=0.02)


def test_grey_images_are_not_drawn_a_saturation(monkeypatch):
    drawn = {}
    monkeypatch.setattr("worker.training.augmentation.policy.operated", lambda _images, found: drawn.update(found))
    RandomPolicy(1, 0.5)(torch.zeros(2000, 1, 1, 1))
    assert not bool((drawn["saturation"] != 0).any())
    assert bool((drawn["posterize"] != 0).any())


def test_rounds_follow_each_other(monkeypatch):
    rounds = []
    monkeypatch.setattr(
        "worker.training.augmentation.policy.operated", lambda images, _found: rounds.append(1) or images
    )
    RandomPolicy(3, 0.5)(IMAGES)
    assert len(rounds) == 3
