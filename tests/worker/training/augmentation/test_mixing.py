"""Rows mixed with others: their values, their targets, and the share of each."""

import pytest
import torch

from worker.training.augmentation.mixing import CutMix, Mixup, own_share
from worker.training.rows import Rows

CPU = torch.device("cpu")


def numbered(rows=50):
    """Rows whose values and targets are their own number."""
    numbers = torch.arange(rows, dtype=torch.float32)
    return Rows(
        {"numbers": numbers[:, None].repeat(1, 3), "categories": torch.arange(rows)[:, None].repeat(1, 40)},
        torch.arange(rows),
        is_ready=True,
    )


def images(rows=6, side=(20, 30)):
    values = torch.arange(rows, dtype=torch.uint8)[:, None, None, None]
    return Rows({"image": values.repeat(1, 2, *side)}, torch.arange(rows), is_ready=False)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_the_share_is_the_larger_part_of_a_draw_from_beta(alpha):
    torch.manual_seed(0)
    shares = torch.stack([own_share(alpha, CPU) for _ in range(4000)])
    reference = torch.distributions.Beta(alpha, alpha).sample((40000,))
    reference = torch.maximum(reference, 1 - reference)
    assert float(shares.mean()) == pytest.approx(float(reference.mean()), abs=0.01)
    assert float(shares.std()) == pytest.approx(float(reference.std()), abs=0.01)
    assert float(shares.amin()) >= 0.5


def test_mixup_takes_the_weighted_mean_of_values_and_tells_both_targets():
    torch.manual_seed(3)
    rows = numbered()
    mixed = Mixup(1.0)(rows)
    share = float(mixed.mixture.share)
    assert 0.5 <= share < 1
    expected = share * rows.targets + (1 - share) * mixed.mixture.targets
    assert torch.allclose(mixed.inputs["numbers"], expected[:, None].expand(-1, 3), atol=1e-4)
    assert torch.equal(mixed.targets, rows.targets)
    assert sorted(mixed.mixture.targets.tolist()) == rows.targets.tolist()


def test_categories_are_taken_from_either_row_by_the_share():
    torch.manual_seed(3)
    mixed = Mixup(1.0)(numbered())
    codes = mixed.inputs["categories"]
    own, other = codes == mixed.targets[:, None], codes == mixed.mixture.targets[:, None]
    assert bool((own | other).all())
    different = mixed.targets != mixed.mixture.targets
    assert float(own[different].float().mean()) == pytest.approx(float(mixed.mixture.share), abs=0.03)


def test_cutmix_pastes_a_rectangle_of_the_other_image_and_counts_its_area():
    for seed in range(8):
        torch.manual_seed(seed)
        rows = images()
        mixed = CutMix(1.0)(rows)
        found = mixed.inputs["image"].long()
        for row in range(len(rows)):
            own, other = int(rows.targets[row]), int(mixed.mixture.targets[row])
            assert set(found[row].unique().tolist()) <= {own, other}
            if own != other:
                pasted = (found[row] == other).all(0)
                assert float((~pasted).float().mean()) == pytest.approx(float(mixed.mixture.share))
                assert int(pasted.sum()) == int(pasted.any(0).sum()) * int(pasted.any(1).sum())


def test_cutmix_has_the_shape_of_the_image():
    spans = []
    for seed in range(300):
        torch.manual_seed(seed)
        found = CutMix(1.0)(images(2, side=(40, 80)))
        if found.mixture.targets[0] == 1:
            pasted = found.inputs["image"][0, 0] == 1
            spans.append((int(pasted.any(1).sum()), int(pasted.any(0).sum())))
    largest = max(spans)
    assert largest[1] == pytest.approx(2 * largest[0], abs=2)
    assert largest[0] <= round(40 * 0.5**0.5)
