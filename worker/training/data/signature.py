"""What a network has to know about the data it is built for, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal


def plain(record: Any) -> dict[str, Any]:
    """A dataclass as the values that it would have after a way through JSON: tuples become lists."""
    return asdict(record, dict_factory=lambda items: {name: _listed(value) for name, value in items})


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class Signature:
    """The tensors that preprocessing hands to a network, and what is expected back.

    `num_numbers` is the width of "numbers" after preprocessing, indicators and one-hot columns included;
    `cardinalities` the number of codes of each column of "categories"; `image` is (C, H, W) and `series` is (T, F),
    both after preprocessing, and `text` is (T, size of the vocabulary), of which 0 is padding and 1 unknown.
    `num_outputs` is the number of classes, 1 for a regression, the horizon for a forecast; or, where the loss asks for
    `quantiles`, as many times that as there are of them, those of one value side by side.
    Targets of the latter two are standardised: in original units a value is `target * target_std + target_mean`.
    `anchored`: windows bring a level and a spread along, and outputs are told relative to them.
    `one_vs_rest`: the loss takes each class by itself, so that the outputs are logits of sigmoids, not of a softmax.
    """

    kind: Literal["table", "image", "series", "text"]
    task: Literal["classification", "regression", "forecasting"]
    num_outputs: int
    num_numbers: int = 0
    cardinalities: tuple[int, ...] = ()
    image: tuple[int, int, int] | None = None
    series: tuple[int, int] | None = None
    text: tuple[int, int] | None = None
    classes: tuple[str, ...] | None = None
    target_mean: float | None = None
    target_std: float | None = None
    one_vs_rest: bool = False
    anchored: bool = False
    quantiles: tuple[float, ...] = ()

    @property
    def num_values(self) -> int:
        """How many numbers and codes make one row."""
        if self.image is not None:
            return math.prod(self.image)
        if self.series is not None:
            return math.prod(self.series)
        length = 0 if self.text is None else self.text[0]
        return self.num_numbers + len(self.cardinalities) + length

    def document(self) -> dict[str, Any]:
        """The signature as plain JSON values."""
        return plain(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Signature:
        """The signature that `document` described."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in document.items()
        }
        return cls(**values)
