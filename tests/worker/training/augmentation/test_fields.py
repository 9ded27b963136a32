"""Every field of every augmentation reaches the batch: another value of it makes another batch of the same draws."""

import pytest
import torch

from models.spec import parse
from worker.training.augmentation import build
from worker.training.randomness import seed_step
from worker.training.rows import Rows

FIELDS = [
    ("random_crop", "padding", 1, 4),
    ("horizontal_flip", "p", 0.0, 1.0),
    ("vertical_flip", "p", 0.0, 1.0),
    ("rotate", "degrees", 5.0, 90.0),
    ("rotate", "p", 0.0, 1.0),
    ("translate", "fraction", 0.05, 0.4),
    ("translate", "p", 0.0, 1.0),
    ("scale", "factor", 0.05, 0.5),
    ("scale", "p", 0.0, 1.0),
    ("affine", "degrees", 5.0, 90.0),
    ("affine", "translate", 0.05, 0.4),
    ("affine", "scale", 0.05, 0.5),
    ("affine", "shear", 0.0, 40.0),
    ("affine", "p", 0.0, 1.0),
    ("color", "brightness", 0.0, 0.5),
    ("color", "contrast", 0.0, 0.5),
    ("color", "saturation", 0.0, 0.5),
    ("color", "p", 0.0, 1.0),
    ("blur", "sigma", 0.3, 3.0),
    ("blur", "p", 0.0, 1.0),
    ("cutout", "size", 0.2, 0.7),
    ("cutout", "p", 0.0, 1.0),
    ("random_erasing", "area", 0.1, 0.8),
    ("random_erasing", "aspect", 1.0, 5.0),
    ("random_erasing", "p", 0.0, 1.0),
    ("random_policy", "rounds", 1, 4),
    ("random_policy", "strength", 0.1, 1.0),
    ("mixup", "alpha", 0.1, 5.0),
    ("cutmix", "alpha", 0.1, 5.0),
    ("jitter", "std", 0.01, 0.5),
    ("scaling", "std", 0.01, 0.5),
    ("window_warping", "share", 0.1, 0.5),
    ("window_warping", "factor", 1.2, 3.0),
    ("window_warping", "p", 0.0, 1.0),
    ("token_dropout", "p", 0.0, 0.9),
]
#: Whatever hides a field: an augmentation that seldom happens, or a part of one that does everything at once.
CERTAIN = {"p": 1.0}


def batch(name: str) -> Rows:
    torch.manual_seed(1)
    targets = torch.arange(24) % 3
    if name in {"jitter", "scaling", "window_warping"}:
        return Rows({"series": torch.randn(24, 16, 2)}, targets, is_ready=True)
    if name == "token_dropout":
        return Rows({"tokens": torch.randint(2, 50, (24, 12))}, targets, is_ready=True)
    return Rows({"image": torch.randint(0, 256, (24, 3, 16, 16), dtype=torch.uint8)}, targets, is_ready=False)


def changed(name: str, fields: dict) -> torch.Tensor:
    entry = {"type": name, **fields}
    spec = parse({"data": {"dataset": "digits"}, "augmentation": [entry]}).augmentation
    seed_step(7, 3, torch.device("cpu"))
    rows = build(spec, preprocessing=torch.nn.Identity())(batch(name))
    return next(iter(rows.inputs.values())).double()


@pytest.mark.parametrize(("name", "field", "one", "other"), FIELDS, ids=lambda value: str(value))
def test_another_value_makes_another_batch(name, field, one, other):
    sure = CERTAIN if field != "p" and name in {entry for entry, known, *_ in FIELDS if known == "p"} else {}
    first, second = (changed(name, {**sure, field: value}) for value in (one, other))
    assert not torch.equal(first, second)
    assert torch.equal(first, changed(name, {**sure, field: one}))


def test_no_field_is_left_out():
    from typing import get_args

    from models.spec import augmentation as specs

    members = get_args(get_args(specs.Augmentation)[0])
    fields = {(member.model_fields["type"].default, name) for member in members for name in member.model_fields}
    assert {pair for pair in fields if pair[1] != "type"} == {(name, field) for name, field, *_ in FIELDS}
