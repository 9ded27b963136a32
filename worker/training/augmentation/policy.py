"""A random operation per image: TrivialAugment (Müller and Hutter 2021), and RandAugment (Cubuk et al. 2020)."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from worker.training.augmentation.geometry import warped
from worker.training.augmentation.light import WHITE, brightened, contrasted, saturated
from worker.training.augmentation.steps import per_row

#: What an operation does to an image at full strength, in its own unit, to either side where it has two.
FULL: Final = {
    "identity": 0.0,
    "shear": 0.5,  # radians
    "right": 0.3,  # shares of the width
    "down": 0.3,  # shares of the height
    "rotate": math.radians(45),
    "size": 0.3,
    "brightness": 0.8,
    "contrast": 0.8,
    "saturation": 0.8,  # does nothing to grey images, and is not drawn for them
    "solarize": 1.0,  # every pixel brighter than white times (1 - strength) is inverted
    "posterize": 6.0,  # as many of the 8 bits of a pixel are cleared
}
NAMES: Final = tuple(FULL)
COLOURED: Final = NAMES.index("saturation")
ONE_SIDED: Final = ("solarize", "posterize")


class RandomPolicy:
    """Rounds of one operation per image. Every operation runs on the whole batch, with no strength where not picked."""

    def __init__(self, rounds: int, strength: float | None) -> None:
        self._rounds, self._strength = rounds, strength

    def __call__(self, images: Tensor) -> Tensor:
        """The images as floats."""
        images = images.float()
        for _ in range(self._rounds):
            picked = self._picked(images)
            strength = self._drawn(images)
            amounts = {
                name: torch.where(picked == number, strength.abs() if name in ONE_SIDED else strength, 0.0) * FULL[name]
                for number, name in enumerate(NAMES)
            }
            images = operated(images, amounts)
        return images

    def _picked(self, images: Tensor) -> Tensor:
        num = len(NAMES) - (images.shape[1] == 1)
        picked = torch.randint(0, num, per_row(images), device=images.device)
        return picked + (picked >= COLOURED) if images.shape[1] == 1 else picked

    def _drawn(self, images: Tensor) -> Tensor:
        drawn = torch.rand(per_row(images), device=images.device) * 2 - 1
        return drawn if self._strength is None else drawn.sign() * self._strength


def operated(images: Tensor, amounts: dict[str, Tensor]) -> Tensor:
    """The images after every operation, each by its amounts [N, 1, 1, 1]; where all are 0 nothing changes."""
    moving = sum(amounts[name].abs() for name in ("shear", "right", "down", "rotate", "size"))
    moved = warped(
        images,
        angle=amounts["rotate"].flatten(),
        size=1 + amounts["size"].flatten(),
        shear=amounts["shear"].flatten().tan(),
        right=amounts["right"].flatten(),
        down=amounts["down"].flatten(),
    )
    images = torch.where(torch.as_tensor(moving) > 0, moved, images)
    images = brightened(images, 1 + amounts["brightness"])
    images = torch.where(amounts["contrast"] == 0, images, contrasted(images, 1 + amounts["contrast"]))
    if images.shape[1] != 1:
        images = torch.where(amounts["saturation"] == 0, images, saturated(images, 1 + amounts["saturation"]))
    images = torch.where(images > WHITE * (1 - amounts["solarize"]), WHITE - images, images)
    step = 2 ** amounts["posterize"].round()
    return torch.where(step > 1, (images / step).floor() * step, images)
