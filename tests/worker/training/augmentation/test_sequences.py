"""Windows of series and texts, a little different each time."""

import pytest
import torch

from worker.training.augmentation.windows import Jitter, Scaling, WindowWarping, sampled, warped_times
from worker.training.augmentation.words import TokenDropout

WINDOWS = torch.randn(200, 24, 3, generator=torch.Generator().manual_seed(1))


def test_jitter_adds_noise_of_that_deviation_everywhere():
    torch.manual_seed(0)
    noise = Jitter(0.3)(WINDOWS) - WINDOWS
    assert float(noise.std()) == pytest.approx(0.3, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.01)
    assert torch.equal(Jitter(0.0)(WINDOWS), WINDOWS)


def test_scaling_has_one_factor_per_column_of_a_window():
    torch.manual_seed(0)
    factors = Scaling(0.2)(WINDOWS) / WINDOWS
    assert torch.allclose(factors, factors[:, :1].expand_as(factors), rtol=1e-3)
    assert float(factors[:, 0].std()) == pytest.approx(0.2, rel=0.1)
    assert float(factors[:, 0].mean()) == pytest.approx(1, abs=0.03)


def test_a_part_that_takes_twice_the_time_pushes_the_rest_together():
    times = warped_times(1, 11, start=torch.tensor([[2.0]]), part=5.0, factor=torch.tensor([[2.0]]))[0]
    # the old 0..10 becomes 15 long: 2 as they were, 5 in twice the time, 3 as they were; then 11 steps of 1.5
    old = [0, 1.5, 2 + 1 / 2, 2 + 2.5 / 2, 2 + 4 / 2, 2 + 5.5 / 2, 2 + 7 / 2, 2 + 8.5 / 2, 7 + 0, 8.5, 10]
    assert times.tolist() == pytest.approx(old)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_time_goes_on_from_the_first_step_to_the_last(factor):
    starts = torch.linspace(0, 16, 9)[:, None]
    times = warped_times(9, 24, start=starts, part=7.0, factor=torch.full((9, 1), factor))
    assert torch.allclose(times[:, 0], torch.zeros(9))
    assert torch.allclose(times[:, -1], torch.full((9,), 23.0), atol=1e-4)
    assert bool((times.diff(dim=1) > 0).all())


def test_values_between_two_steps_are_between_their_values():
    window = torch.tensor([[[0.0], [10.0], [40.0]]])
    found = sampled(window, torch.tensor([[0.0, 0.25, 1.0, 1.5, 2.0]]))
    assert found.flatten().tolist() == pytest.approx([0, 2.5, 10, 25, 40])


def test_a_warped_ramp_shows_where_time_went():
    torch.manual_seed(0)
    ramp = torch.arange(24.0)[None, :, None].expand(100, 24, 1)
    warped = WindowWarping(0.3, 2.0)(ramp)
    assert torch.allclose(warped[:, 0], torch.zeros(100, 1), atol=1e-4)
    assert torch.allclose(warped[:, -1], torch.full((100, 1), 23.0), atol=1e-3)
    steps = warped.diff(dim=1).squeeze(2)
    whole = {round(float(step), 2) for step in steps.flatten()}
    assert {round((23 + 0.3 * 23) / 23, 2), round((23 - 0.15 * 23) / 23, 2)} <= whole  # slower and faster parts exist
    assert not torch.allclose(warped[0], warped[1])


def test_words_become_unknown_as_often_as_asked_and_padding_never():
    torch.manual_seed(0)
    tokens = torch.randint(2, 50, (500, 20)) * (torch.arange(20) < 12)
    dropped = TokenDropout(0.25)(tokens)
    assert torch.equal(dropped[:, 12:], tokens[:, 12:])
    changed = dropped != tokens
    assert float(changed[:, :12].float().mean()) == pytest.approx(0.25, abs=0.01)
    assert set(dropped[changed].tolist()) == {1}
    assert torch.equal(TokenDropout(0.0)(tokens), tokens)
