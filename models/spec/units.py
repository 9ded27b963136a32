"""Durations ("90 s", "5 min", "2 h") and amounts of progress ("1 epoch", "500 steps", "5%")."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator

SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
}
_QUANTITY = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*([a-z]+|%)")


def _quantity(text: str) -> tuple[float, str] | None:
    match = _QUANTITY.fullmatch(text.strip())
    return (float(match[1]), match[2] if match[2] == "s" else match[2].removesuffix("s")) if match else None


def duration_seconds(text: str) -> float:
    """Seconds in a duration. Raises ValueError for anything that is not a number with a unit of time."""
    quantity = _quantity(text)
    if quantity is None or quantity[1] not in SECONDS or quantity[0] <= 0:
        raise ValueError('a duration is a positive number with a unit, such as "90 s", "5 min" or "2 h"')
    return quantity[0] * SECONDS[quantity[1]]


@dataclass(frozen=True, slots=True)
class Amount:
    """How far a training run is: a number of epochs, a number of steps or a share of the whole."""

    value: float
    unit: Literal["epoch", "step", "%"]

    @classmethod
    def parse(cls, text: str) -> Amount:
        """Read "3 epochs", "500 steps" or "5%". Raises ValueError for anything else."""
        match _quantity(text):
            case (value, "epoch" | "step" | "%" as unit) if unit != "%" or value <= 100:
                return cls(value, unit)
        raise ValueError('an amount of progress is written "1 epoch", "500 steps" or "5%"')

    def num_steps(self, *, total_steps: int, steps_per_epoch: int) -> int:
        """The amount in optimizer steps of a run of that length, rounded to the nearest step."""
        whole = {"epoch": steps_per_epoch, "step": 1, "%": total_steps / 100}[self.unit]
        return math.floor(self.value * whole + 0.5)


def _is_duration(text: str) -> str:
    duration_seconds(text)
    return text


def _is_amount(text: str) -> str:
    Amount.parse(text)
    return text


def _is_positive_amount(text: str) -> str:
    if Amount.parse(text).value <= 0:
        raise ValueError("the amount must be greater than 0")
    return text


Duration = Annotated[str, AfterValidator(_is_duration)]
Progress = Annotated[str, AfterValidator(_is_amount)]
PositiveProgress = Annotated[str, AfterValidator(_is_positive_amount)]
