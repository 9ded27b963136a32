"""Images with a part painted over."""

import pytest
import torch

from worker.training.augmentation.erasing import Cutout, RandomErasing

IMAGES = torch.rand(300, 2, 20, 30) + 10


def painted(before, after):
    return (before != after).any(1)


def test_a_cutout_is_a_square_of_the_mean_colour():
    torch.manual_seed(0)
    result = Cutout(0.4)(IMAGES)
    mask = painted(IMAGES, result)
    where = mask[:, None].expand_as(result)
    means = IMAGES.mean((2, 3), keepdim=True).expand_as(result)
    assert torch.allclose(result[where], means[where])
    sides = mask.any(2).sum(1), mask.any(1).sum(1)
    assert max(int(side.max()) for side in sides) == 8
    assert torch.equal(mask.sum((1, 2)), sides[0] * sides[1])
    assert int(mask.any(0).sum()) == 20 * 30


def test_what_is_erased_is_a_rectangle_of_noise_within_the_image():
    torch.manual_seed(0)
    result = RandomErasing(0.3, 3.0)(IMAGES)
    mask = painted(IMAGES, result)
    heights, widths = mask.any(2).sum(1), mask.any(1).sum(1)
    assert torch.equal(mask.sum((1, 2)), heights * widths)
    share = mask.float().mean((1, 2))
    assert float(share.amax()) == pytest.approx(0.3, abs=0.03)
    assert float(share.amin()) == pytest.approx(0.02, abs=0.015)
    ratio = heights / widths
    assert 2 < float(ratio.amax()) < 4
    noise = result[mask[:, None].expand_as(result)]
    assert (float(noise.mean()), float(noise.std())) == pytest.approx((127.5, 255 / 12**0.5), rel=0.02)
