"""Preprocessing as part of the network: modules with buffers and no parameters, saved and exported with the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

NUM_RESERVED_CODES = 2
MISSING, UNSEEN = 0, 1


class Numbers(nn.Module):
    """Fills, clips and scales numbers [..., F]; then appends [..., K] indicators of what was missing.

    `indicated` lists the K columns that have an indicator: those with missing values among the training rows, because
    the weight of an input that is always 0 would never be trained.
    """

    places: Tensor
    fill: Tensor
    low: Tensor
    high: Tensor
    center: Tensor
    scale: Tensor

    def __init__(self, *, num_columns: int, indicated: Sequence[int] = (), clips: bool = False) -> None:
        super().__init__()
        self.num_columns, self.indicated, self.clips = num_columns, tuple(indicated), clips
        self.register_buffer("places", torch.tensor(self.indicated, dtype=torch.int64), persistent=False)
        self.register_buffer("fill", torch.zeros(num_columns))
        self.register_buffer("center", torch.zeros(num_columns))
        self.register_buffer("scale", torch.ones(num_columns))
        if clips:
            self.register_buffer("low", torch.full((num_columns,), -torch.inf))
            self.register_buffer("high", torch.full((num_columns,), torch.inf))

    @property
    def num_outputs(self) -> int:
        """Width of the result."""
        return self.num_columns + len(self.indicated)

    def forward(self, numbers: Tensor) -> Tensor:
        """Raw numbers [..., F] with NaN for missing to finite numbers [..., F + K]."""
        missing = torch.isnan(numbers)
        filled = torch.where(missing, self.fill, numbers)
        if self.clips:
            filled = torch.clamp(filled, self.low, self.high)
        scaled = (filled - self.center) * self.scale
        if not self.indicated:
            return scaled
        return torch.cat([scaled, missing.index_select(-1, self.places).to(scaled.dtype)], dim=-1)


class Categories(nn.Module):
    """Codes [N, K] as numbers: one column per category (`onehot`) or the standardised code itself (`ordinal`).

    One-hot columns stand for "missing" and for each known category; an unseen one is all zeros.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, *, cardinalities: Sequence[int], encoding: str) -> None:
        super().__init__()
        self.cardinalities, self.encoding = tuple(cardinalities), encoding
        if encoding == "ordinal":
            self.register_buffer("center", torch.zeros(len(self.cardinalities)))
            self.register_buffer("scale", torch.ones(len(self.cardinalities)))

    @property
    def num_outputs(self) -> int:
        """Width of the result."""
        if self.encoding == "ordinal":
            return len(self.cardinalities)
        return sum(cardinality - 1 for cardinality in self.cardinalities)

    def forward(self, codes: Tensor) -> Tensor:
        """Codes [N, K] to float numbers [N, num_outputs]."""
        if self.encoding == "ordinal":
            return (codes.to(self.center.dtype) - self.center) * self.scale
        columns = []
        for place, cardinality in enumerate(self.cardinalities):
            hot = nn.functional.one_hot(codes[:, place], cardinality).to(torch.get_default_dtype())
            columns.append(torch.cat([hot[:, :UNSEEN], hot[:, UNSEEN + 1 :]], dim=1))
        return torch.cat(columns, dim=1)


class TablePreprocessing(nn.Module):
    """Raw "numbers" [N, F] and "categories" [N, K] to what a network reads: "numbers" and, for embeddings, codes."""

    def __init__(self, *, numbers: Numbers | None, categories: Categories | None) -> None:
        super().__init__()
        self.numbers, self.categories = numbers, categories

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch of raw tensors to a batch of network inputs; keys of width 0 are left out."""
        numbers = [] if self.numbers is None else [self.numbers(batch["numbers"])]
        result: dict[str, Tensor] = {}
        if self.categories is not None:
            numbers.append(self.categories(batch["categories"]))
        elif "categories" in batch:
            result["categories"] = batch["categories"]
        if numbers:
            result["numbers"] = numbers[0] if len(numbers) == 1 else torch.cat(numbers, dim=1)
        return result


class ImagePreprocessing(nn.Module):
    """Raw "image" uint8 [N, C, H, W] to floats, standardised per channel."""

    scale: Tensor
    shift: Tensor

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.full((channels, 1, 1), 1 / 255))
        self.register_buffer("shift", torch.zeros(channels, 1, 1))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch of raw images to `image * scale + shift`."""
        return {"image": torch.addcmul(self.shift, batch["image"].to(self.scale.dtype), self.scale)}


class SeriesPreprocessing(nn.Module):
    """Raw "series" [N, T, F] with NaN for missing to finite windows [N, T, F + indicators]."""

    def __init__(self, *, numbers: Numbers) -> None:
        super().__init__()
        self.numbers = numbers

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch of raw windows to a batch of network inputs."""
        return {"series": self.numbers(batch["series"])}


def plan(module: nn.Module) -> dict[str, Any]:
    """The shape of a preprocessing module as plain JSON values; its numbers travel as buffers with the weights."""
    if isinstance(module, ImagePreprocessing):
        return {"kind": "image", "channels": module.scale.shape[0]}
    if isinstance(module, SeriesPreprocessing):
        return {"kind": "series", "numbers": _numbers_plan(module.numbers)}
    if not isinstance(module, TablePreprocessing):
        raise TypeError(f"{type(module).__name__} is no preprocessing")
    categories = module.categories
    return {
        "kind": "table",
        "numbers": None if module.numbers is None else _numbers_plan(module.numbers),
        "categories": categories and {"cardinalities": list(categories.cardinalities), "encoding": categories.encoding},
    }


def built(plan: Mapping[str, Any]) -> nn.Module:
    """The module of a plan, its buffers still to be loaded."""
    if plan["kind"] == "image":
        return ImagePreprocessing(channels=plan["channels"])
    numbers = Numbers(**plan["numbers"]) if plan["numbers"] else None
    if plan["kind"] == "series" and numbers is not None:
        return SeriesPreprocessing(numbers=numbers)
    categories = Categories(**plan["categories"]) if plan["categories"] else None
    return TablePreprocessing(numbers=numbers, categories=categories)


def _numbers_plan(numbers: Numbers) -> dict[str, Any]:
    return {"num_columns": numbers.num_columns, "indicated": list(numbers.indicated), "clips": numbers.clips}
