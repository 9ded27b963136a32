"""Preprocessing as part of the network: modules with buffers and no parameters, saved and exported with the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from worker.training.data.anchors import Anchor
from worker.training.data.numbers import Numbers, Smoothing, carried

NUM_RESERVED_CODES = 2
MISSING, UNSEEN = 0, 1


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
        """A batch of raw tensors to a batch of network inputs; keys of width 0 are left out.

        Where rows have an order, "last" [N, F] holds the last number known before each of them, which fills its gaps.
        """
        numbers = []
        if self.numbers is not None:
            raw = batch["numbers"]
            known = torch.where(torch.isnan(raw), batch["last"], raw) if "last" in batch else raw
            numbers.append(self.numbers(known, missing=torch.isnan(raw)))
        result: dict[str, Tensor] = {}
        if self.categories is not None:
            numbers.append(self.categories(batch["categories"]))
        elif "categories" in batch:
            result["categories"] = batch["categories"]
        if numbers:
            result["numbers"] = numbers[0] if len(numbers) == 1 else torch.cat(numbers, dim=1)
        if "tokens" in batch:
            result["tokens"] = batch["tokens"].long()
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
        image = batch["image"].to(self.scale.dtype, copy=True)
        scale, shift = self._laid_out_as(image[:1])
        return {"image": torch.addcmul(shift, image, scale, out=image)}

    def _laid_out_as(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and shift in the memory format of an image: the CPU computes with vectors only where all agree."""
        if image.device.type != "cpu":
            return self.scale, self.shift
        return torch.empty_like(image).copy_(self.scale), torch.empty_like(image).copy_(self.shift)


class TextPreprocessing(nn.Module):
    """Raw "tokens" of 32 bits [N, T], which memory holds, to the 64 bits that networks read."""

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch of raw tokens to a batch of network inputs."""
        return {"tokens": batch["tokens"].long()}


class SeriesPreprocessing(nn.Module):
    """Raw "series" [N, T, F] with NaN for missing to finite windows [N, T, F + indicators].

    `smoothing` is the plan of a filter over the steps of a window; `carries` fills gaps with the last step that is
    known. Both look back and never ahead. An anchor adds "level" and "spread" [N, horizon].
    """

    def __init__(
        self,
        *,
        numbers: Numbers,
        smoothing: Mapping[str, Any] | None = None,
        carries: bool = False,
        anchor: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.numbers = numbers
        self.smooth = None if smoothing is None else Smoothing(**smoothing)
        self.carries = carries
        self.anchor = None if anchor is None else Anchor(**anchor)

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """A batch of raw windows to a batch of network inputs."""
        raw = batch["series"]
        ready = self.ready(raw)
        return {"series": ready} if self.anchor is None else self.anchor.applied(raw, ready)

    def ready(self, raw: Tensor) -> Tensor:
        """Raw windows [N, T, F] smoothed, filled and scaled."""
        smoothed = raw if self.smooth is None else self.smooth(raw)
        return self.numbers(  # type: ignore[no-any-return]
            carried(smoothed) if self.carries else smoothed, missing=torch.isnan(raw)
        )


def plan(module: nn.Module) -> dict[str, Any]:
    """The shape of a preprocessing module as plain JSON values; its numbers travel as buffers with the weights."""
    if isinstance(module, ImagePreprocessing):
        return {"kind": "image", "channels": module.scale.shape[0]}
    if isinstance(module, TextPreprocessing):
        return {"kind": "text"}
    if isinstance(module, SeriesPreprocessing):
        smoothing = module.smooth and {"how": module.smooth.how, "steps": module.smooth.steps}
        return {
            "kind": "series",
            "numbers": module.numbers.plan(),
            "smoothing": smoothing,
            "carries": module.carries,
            "anchor": module.anchor and module.anchor.plan(),
        }
    if not isinstance(module, TablePreprocessing):
        raise TypeError(f"{type(module).__name__} is no preprocessing")
    categories = module.categories
    return {
        "kind": "table",
        "numbers": None if module.numbers is None else module.numbers.plan(),
        "categories": categories and {"cardinalities": list(categories.cardinalities), "encoding": categories.encoding},
    }


def built(plan: Mapping[str, Any]) -> nn.Module:
    """The module of a plan, its buffers still to be loaded."""
    if plan["kind"] == "image":
        return ImagePreprocessing(channels=plan["channels"])
    if plan["kind"] == "text":
        return TextPreprocessing()
    numbers = Numbers(**plan["numbers"]) if plan["numbers"] else None
    if plan["kind"] == "series" and numbers is not None:
        rest = {name: plan[name] for name in ("smoothing", "carries", "anchor")}
        return SeriesPreprocessing(numbers=numbers, **rest)
    categories = Categories(**plan["categories"]) if plan["categories"] else None
    return TablePreprocessing(numbers=numbers, categories=categories)
