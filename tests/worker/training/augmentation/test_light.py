"""Images in another light, by hand-computed values."""

import pytest
import torch

from worker.training.augmentation.light import Blur, Colour, blurred, brightened, contrasted, grey, saturated

PIXELS = torch.tensor([[[[100.0, 200.0]], [[50.0, 200.0]], [[0.0, 200.0]]]])  # an orange and a grey pixel


def each(value):
    return torch.full((1, 1, 1, 1), value)


def test_grey_is_how_bright_a_colour_looks():
    assert grey(PIXELS).flatten().tolist() == pytest.approx([0.299 * 100 + 0.587 * 50, 200])
    assert torch.equal(grey(PIXELS[:, :1]), PIXELS[:, :1])


def test_brightness_is_a_factor_and_stops_at_white():
    assert brightened(PIXELS, each(1.5)).flatten().tolist() == [150, 255, 75, 255, 0, 255]


def test_contrast_is_the_distance_to_the_mean_grey():
    middle = (0.299 * 100 + 0.587 * 50 + 200) / 2
    expected = [max(0.0, middle + (value - middle) / 2) for value in PIXELS.flatten().tolist()]
    assert contrasted(PIXELS, each(0.5)).flatten().tolist() == pytest.approx(expected, rel=1e-5)
    assert contrasted(PIXELS, each(0.0)).flatten().tolist() == pytest.approx([middle] * 6, rel=1e-5)


def test_saturation_is_the_distance_to_the_own_grey():
    own = 0.299 * 100 + 0.587 * 50
    result = saturated(PIXELS, each(0.0))[0, :, 0]
    assert result[:, 0].tolist() == pytest.approx([own] * 3)
    assert saturated(PIXELS, each(1.7))[0, :, 0, 1].tolist() == pytest.approx([200] * 3, rel=1e-5)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_each_image_gets_factors_of_its_own_within_bounds(monkeypatch, place):
    drawn = []
    name = ("brightened", "contrasted", "saturated")[place]
    monkeypatch.setattr(
        f"worker.training.augmentation.light.{name}", lambda images, factor: drawn.append(factor) or images
    )
    most = [0.0, 0.0, 0.0]
    most[place] = 0.4
    torch.manual_seed(0)
    Colour(*most)(torch.zeros(5000, 3, 1, 1))
    (factor,) = drawn
    assert (float(factor.amin()), float(factor.amax())) == pytest.approx((0.6, 1.4), abs=0.01)


def test_a_blur_is_a_gaussian_and_leaves_a_constant_as_it_is():
    image = torch.zeros(1, 1, 21, 21)
    image[0, 0, 10, 10] = 1
    result = blurred(image, each(1.5), reach=5)[0, 0]
    weights = torch.exp(-0.5 * (torch.arange(-5.0, 6.0) / 1.5) ** 2)
    weights /= weights.sum()
    assert torch.allclose(result[5:16, 5:16], weights[:, None] * weights[None, :], atol=1e-6)
    constant = torch.full((2, 3, 9, 9), 7, dtype=torch.uint8)
    assert torch.allclose(Blur(2.0)(constant), constant.float(), atol=1e-4)


def test_each_image_is_blurred_by_a_width_of_its_own():
    torch.manual_seed(0)
    image = torch.zeros(64, 1, 15, 15)
    image[:, :, 7, 7] = 1
    peaks = Blur(2.0)(image)[:, 0, 7, 7]
    assert float(peaks.amax()) > 0.5
    assert float(peaks.amin()) < 0.06


def test_channels_are_blurred_apart():
    image = torch.rand(2, 3, 8, 8)
    whole = blurred(image, torch.full((2, 1, 1, 1), 1.0), reach=3)
    assert torch.allclose(whole[1, 2], blurred(image[1:, 2:], each(1.0), reach=3)[0, 0], atol=1e-6)
