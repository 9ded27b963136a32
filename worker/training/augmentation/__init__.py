"""What is done to a training batch on its device, by the name that the spec gives it.

Adding one: a class in `models/spec/augmentation.py`, a module here that maps rows to rows, an entry in `STEPS`, a test.
Whatever is random is drawn from the default generator of the device, which every step seeds anew: a batch is changed
in the same way whenever it is trained on at the same step. Nothing here runs in evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from models.spec import augmentation as specs
from worker.training.augmentation.erasing import Cutout, RandomErasing
from worker.training.augmentation.geometry import Affine, RandomCrop, flip
from worker.training.augmentation.light import Blur, Colour
from worker.training.augmentation.mixing import CutMix, Mixup
from worker.training.augmentation.policy import RandomPolicy
from worker.training.augmentation.steps import Changed, Step
from worker.training.augmentation.windows import Jitter, Scaling, WindowWarping
from worker.training.augmentation.words import TokenDropout
from worker.training.rows import Rows

__all__ = ["STEPS", "Augmentation", "build"]

STEPS: Mapping[type, Callable[[Any], Step]] = {
    specs.RandomCrop: lambda spec: Changed("image", RandomCrop(spec.padding)),
    specs.HorizontalFlip: lambda spec: Changed("image", flip(3), p=spec.p),
    specs.VerticalFlip: lambda spec: Changed("image", flip(2), p=spec.p),
    specs.Rotate: lambda spec: Changed("image", Affine(degrees=spec.degrees), p=spec.p),
    specs.Translate: lambda spec: Changed("image", Affine(translate=spec.fraction), p=spec.p),
    specs.Scale: lambda spec: Changed("image", Affine(scale=spec.factor), p=spec.p),
    specs.Affine: lambda spec: Changed(
        "image",
        Affine(degrees=spec.degrees, translate=spec.translate, scale=spec.scale, shear=spec.shear),
        p=spec.p,
    ),
    specs.Colour: lambda spec: Changed("image", Colour(spec.brightness, spec.contrast, spec.saturation), p=spec.p),
    specs.Blur: lambda spec: Changed("image", Blur(spec.sigma), p=spec.p),
    specs.Cutout: lambda spec: Changed("image", Cutout(spec.size), p=spec.p),
    specs.RandomErasing: lambda spec: Changed("image", RandomErasing(spec.area, spec.aspect), p=spec.p),
    specs.RandomPolicy: lambda spec: Changed("image", RandomPolicy(spec.rounds, spec.strength)),
    specs.Mixup: lambda spec: Mixup(spec.alpha),
    specs.CutMix: lambda spec: CutMix(spec.alpha),
    specs.Jitter: lambda spec: Changed("series", Jitter(spec.std)),
    specs.Scaling: lambda spec: Changed("series", Scaling(spec.std)),
    specs.WindowWarping: lambda spec: Changed("series", WindowWarping(spec.share, spec.factor), p=spec.p),
    specs.TokenDropout: lambda spec: Changed("tokens", TokenDropout(spec.p)),
}


class Augmentation(nn.Module):
    """The steps of a spec, one after the other.

    Images are changed as they are stored, as pixels from 0 to 255, and preprocessed after it; everything else is
    changed as networks read it, so that numbers are in deviations of their column.
    """

    def __init__(self, steps: Sequence[Step], *, preprocessing: nn.Module) -> None:
        super().__init__()
        self.steps = steps
        self.preprocessing = preprocessing

    @torch.no_grad()
    def forward(self, rows: Rows) -> Rows:
        """The rows of a batch to those that are trained on."""
        if not rows.is_ready and "image" not in rows.inputs:
            rows = Rows(self.preprocessing(rows.inputs), rows.targets, is_ready=True)
        for step in self.steps:
            rows = step(rows)
        return rows


def build(spec: specs.Augmentations, *, preprocessing: nn.Module) -> Augmentation | None:
    """The augmentation of a resolved spec; None where nothing is done."""
    if not spec:
        return None
    return Augmentation([STEPS[type(step)](step) for step in spec], preprocessing=preprocessing)
