"""What a look at a run takes down."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Look:
    """A run at the end of an epoch: means over the steps since the look before, and the validation loss.

    `gradient_norm` is their geometric mean, `largest_gradient_norm` the longest one.
    """

    step: int
    epoch: int
    train_loss: float
    validation_loss: float
    gradient_norm: float
    largest_gradient_norm: float


@dataclass(frozen=True, slots=True)
class Layer:
    """The root mean squares of a weight, of its gradient and of what the step changed it by."""

    name: str
    weight: float
    gradient: float
    update: float


@dataclass(frozen=True, slots=True)
class Units:
    """Shares of an activation's units: those that answer 0 to 99 % of the rows, and of answers where it is flat."""

    name: str
    dead: float = 0.0
    saturated: float = 0.0


@dataclass(frozen=True, slots=True)
class Answers:
    """How far what the network says differs from row to row, beside how far the targets do.

    Of classes: how many different ones are said, and how many there are. Of numbers: standard deviations.
    """

    said: float
    true: float
    is_classes: bool


@dataclass(slots=True)
class History:
    """The looks so far, and sums over the steps since the last one. All of it is part of a checkpoint."""

    looks: list[Look] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    num_steps: int = 0
    loss: float = 0.0
    log_norm: float = 0.0
    largest_norm: float = 0.0

    def take_in(self, losses: NDArray[np.float64], norms: NDArray[np.float64]) -> None:
        """Note steps that were read from the device.

        Sums grow entry by entry: they must not depend on how many steps happen to be read at a time.
        """
        self.num_steps += len(losses)
        self.loss = _grown(self.loss, losses)
        self.log_norm = _grown(self.log_norm, np.log(np.maximum(norms, np.finfo(np.float64).tiny)))
        self.largest_norm = max(self.largest_norm, float(norms.max(initial=0.0)))

    def look(self, *, step: int, epoch: int, validation_loss: float) -> Look | None:
        """End the present stretch of steps; None where it has none."""
        if not self.num_steps:
            return None
        look = Look(
            step=step,
            epoch=epoch,
            train_loss=self.loss / self.num_steps,
            validation_loss=validation_loss,
            gradient_norm=math.exp(self.log_norm / self.num_steps),
            largest_gradient_norm=self.largest_norm,
        )
        self.looks.append(look)
        self.num_steps, self.loss, self.log_norm, self.largest_norm = 0, 0.0, 0.0, 0.0
        return look

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps; a score without a meaning is null."""
        kept = {one.name: getattr(self, one.name) for one in fields(self)}  # `asdict` would copy every number by itself
        looks = [{one.name: _or_null(getattr(look, one.name)) for one in fields(look)} for look in self.looks]
        return {**kept, "looks": looks, "found": list(self.found)}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> History:
        """The history that a checkpoint kept."""
        looks = [_look(kept) for kept in state.get("looks", ())]
        return cls(**{**state, "looks": looks, "found": list(state.get("found", ()))})


def finite_losses(looks: Sequence[Look]) -> list[float]:
    """The validation losses that have a meaning."""
    return [look.validation_loss for look in looks if math.isfinite(look.validation_loss)]


def _grown(total: float, values: NDArray[np.float64]) -> float:
    return float(np.add.accumulate(np.concatenate([[total], values]))[-1])


def _or_null(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _look(kept: Mapping[str, Any]) -> Look:
    known: dict[str, Any] = {name: math.nan if value is None else value for name, value in kept.items()}
    return Look(**known)
