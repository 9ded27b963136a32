"""What preparation hands to the loop: three parts, and all that is needed to do it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from worker.training.data.pictures import Pictures
from worker.training.data.signature import Signature
from worker.training.data.splitting import TEST, TRAIN, VALIDATION, Parts


@dataclass(frozen=True, slots=True)
class Split:
    """The rows of one part, raw, resident on the device; or, of images that are too many for it, still in their files.

    `inputs` holds tensors of one first dimension: "numbers" float32 [N, F] with NaN for missing, "categories" int64
    [N, K] of codes (0 missing, 1 unseen, then the fitted vocabulary), "image" uint8 [N, C, H, W], or "series" float32
    [N, T, F], a view of overlapping windows. Preprocessing turns a batch of them into what a network reads. `targets`
    is int64 [N] of class indices or float32 [N, num_outputs], standardised. `pictures` are the files of images, where
    they have some; `inputs` is empty where images are decoded batch by batch.
    """

    inputs: dict[str, Tensor]
    targets: Tensor
    pictures: Pictures | None = None

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def is_streamed(self) -> bool:
        """Whether its images are decoded batch by batch."""
        return self.pictures is not None and not self.inputs

    def first(self, num: int) -> dict[str, Tensor]:
        """The inputs of its first rows, at most so many."""
        if self.pictures is None or not self.is_streamed:
            return {name: values[:num] for name, values in self.inputs.items()}
        head = self.pictures.chosen(np.arange(min(num, len(self))))
        return {"image": head.gathered(device=self.targets.device)}


def divided(
    inputs: dict[str, Tensor], targets: Tensor, parts: Parts, *, device: torch.device
) -> tuple[Split, Split, Split]:
    """The rows of train, validation and test, in their order, on the device."""

    def of(part: int) -> Split:
        rows = torch.from_numpy(np.flatnonzero(parts == part))
        chosen = {name: values[rows].contiguous().to(device) for name, values in inputs.items()}
        return Split(chosen, targets[rows].to(device))

    return of(TRAIN), of(VALIDATION), of(TEST)


@dataclass(frozen=True, slots=True)
class Data:
    """A prepared dataset.

    `preprocessing` is fitted on the training rows alone and has buffers, no parameters. `recipe` is JSON that, with
    those buffers, encodes and predicts new rows: see `restore`. `report` is the job's `data_report`.
    """

    train: Split
    validation: Split
    test: Split
    preprocessing: nn.Module
    signature: Signature
    report: dict[str, Any]
    recipe: dict[str, Any]
