"""Images moved, turned and mirrored: against PyTorch's own moves, and by what must stay as it is."""

import math

import pytest
import torch

from worker.training.augmentation.geometry import Affine, RandomCrop, flip, warped
from worker.training.augmentation.steps import Changed
from worker.training.rows import Rows

IMAGES = torch.arange(2 * 3 * 6 * 8, dtype=torch.float32).reshape(2, 3, 6, 8)
STILL = {"angle": 0.0, "size": 1.0, "shear": 0.0, "right": 0.0, "down": 0.0}


def moved(images, **changes):
    amounts = {name: torch.full((len(images),), value) for name, value in {**STILL, **changes}.items()}
    return warped(images, **amounts)


def rows_of(images):
    return Rows({"image": images}, torch.zeros(len(images), dtype=torch.int64), is_ready=False)


def test_a_crop_of_a_constant_stays_constant_and_bytes_stay_bytes():
    images = torch.full((4, 1, 5, 7), 9, dtype=torch.uint8)
    assert torch.equal(RandomCrop(3)(images), images)


def test_a_crop_moves_each_image_by_whole_pixels_and_repeats_its_edges():
    torch.manual_seed(0)
    padded = torch.nn.functional.pad(IMAGES, (2, 2, 2, 2), mode="replicate")
    windows = [padded[:, :, y : y + 6, x : x + 8] for y in range(5) for x in range(5)]
    seen = set()
    for _ in range(200):
        cropped = RandomCrop(2)(IMAGES)
        for row in range(2):
            seen.add((row, next(at for at, window in enumerate(windows) if torch.equal(cropped[row], window[row]))))
    assert len(seen) == 2 * 25


@pytest.mark.parametrize("dimension", [2, 3])
def test_a_flip_is_that_of_pytorch(dimension):
    flipped = Changed("image", flip(dimension), p=1.0)(rows_of(IMAGES)).inputs["image"]
    assert torch.equal(flipped, torch.flip(IMAGES, (dimension,)))
    assert torch.equal(Changed("image", flip(dimension), p=0.0)(rows_of(IMAGES)).inputs["image"], IMAGES)


def test_as_many_images_are_changed_as_chance_says():
    torch.manual_seed(0)
    images = torch.arange(2.0).reshape(1, 1, 1, 2).expand(4000, 1, 1, 2)
    flipped = Changed("image", flip(3), p=0.3)(rows_of(images)).inputs["image"]
    assert float(flipped[:, 0, 0, 0].mean()) == pytest.approx(0.3, abs=0.03)


def test_an_image_that_is_not_moved_stays_as_it_is():
    assert torch.allclose(moved(IMAGES), IMAGES, atol=1e-4)
    assert torch.allclose(Affine()(IMAGES), IMAGES, atol=1e-4)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turn_is_anticlockwise(quarters):
    square = IMAGES[:, :, :, :6]
    expected = torch.rot90(square, quarters, (2, 3))
    assert torch.allclose(moved(square, angle=quarters * math.pi / 2), expected, atol=1e-3)


def test_an_image_that_is_not_square_turns_without_being_bent():
    turned = moved(IMAGES, angle=math.pi / 2)
    assert torch.allclose(turned[:, :, :, 1:7], torch.rot90(IMAGES, 1, (2, 3))[:, :, 1:7], atol=1e-3)


def test_a_move_is_a_share_of_width_and_height_to_the_right_and_down():
    assert torch.allclose(moved(IMAGES, right=2 / 8)[:, :, :, 2:], IMAGES[:, :, :, :-2], atol=1e-3)
    assert torch.allclose(moved(IMAGES, down=1 / 6)[:, :, 1:], IMAGES[:, :, :-1], atol=1e-3)
    assert torch.allclose(moved(IMAGES, right=2 / 8)[:, :, :, 0], IMAGES[:, :, :, 0], atol=1e-3)


def test_twice_the_size_shows_the_middle():
    large = torch.nn.functional.interpolate(IMAGES[:, :, 1:5, 2:6], scale_factor=2, mode="bilinear")
    assert torch.allclose(moved(IMAGES, size=2.0)[:, :, 1:-1, 1:-1], large[:, :, 1:7, 1:-1][:, :, :4], atol=60)
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    assert torch.allclose(moved(ramp, size=2.0)[0, 0, 0], 3.5 + (torch.arange(8.0) - 3.5) / 2, atol=1e-4)


def test_a_shear_moves_rows_sideways_by_their_height():
    ramp = torch.arange(9.0).expand(1, 1, 9, 9)
    sheared = moved(ramp, shear=0.5)[0, 0]
    by_hand = ramp[0, 0] + 0.5 * (torch.arange(9.0) - 4)[:, None]
    assert torch.allclose(sheared[2:7, 2:7], by_hand[2:7, 2:7], atol=1e-4)


@pytest.mark.parametrize(
    ("change", "field"), [({"degrees": 30.0}, "angle"), ({"translate": 0.3}, "right"), ({"scale": 0.4}, "size")]
)
def test_each_image_is_moved_by_an_amount_of_its_own_within_bounds(monkeypatch, change, field):
    drawn = {}
    monkeypatch.setattr(
        "worker.training.augmentation.geometry.warped", lambda _images, **amounts: drawn.update(amounts)
    )
    torch.manual_seed(0)
    Affine(**change)(torch.zeros(5000, 1, 2, 2))
    (most,) = change.values()
    middle, most = (1.0, most) if field == "size" else (0.0, math.radians(most) if field == "angle" else most)
    for name, amounts in drawn.items():
        if name == field or (field == "right" and name == "down"):
            assert float(amounts.amax()) == pytest.approx(middle + most, rel=0.01)
            assert float(amounts.amin()) == pytest.approx(middle - most, rel=0.01)
        else:
            assert float(amounts.std()) == 0
