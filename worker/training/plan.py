"""How many steps a run has, and how rows are cut into batches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from models.spec import JobSpec
from models.spec.units import Amount


@dataclass(frozen=True)
class Plan:
    """The length of a run, fixed before its first step, so that schedules are functions of the step alone."""

    num_rows: int
    batch_size: int
    epochs: int
    max_steps: int | None = None

    @classmethod
    def of(cls, spec: JobSpec, *, num_rows: int) -> Plan:
        """The plan of a resolved spec on that many training rows."""
        training = spec.training
        size = _batch_size(training.batch_size, num_rows=num_rows)
        return cls(num_rows, size, training.epochs, training.max_steps)

    @cached_property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch. The last one may be short, but a single row left over waits for the next epoch.

        Its gradient would weigh as much as a whole batch's, and batch norm has no variance over one row.
        """
        whole, rest = divmod(self.num_rows, self.batch_size)
        return max(1, whole + (rest > 1 or (self.batch_size == 1 and rest == 1)))

    @cached_property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run, unless it is stopped early."""
        steps = self.steps_per_epoch * self.epochs
        return steps if self.max_steps is None else min(steps, self.max_steps)

    def num_steps(self, amount: str) -> int:
        """An amount such as "5%", "2 epochs" or "500 steps" in steps of this plan."""
        return Amount.parse(amount).num_steps(total_steps=self.total_steps, steps_per_epoch=self.steps_per_epoch)


def _batch_size(size: int | Literal["auto", "full"], *, num_rows: int) -> int:
    if size == "auto":
        raise ValueError("the spec is not resolved")
    return num_rows if size == "full" else min(size, num_rows)


@dataclass(slots=True)
class Counters:
    """Where a run is: epochs done, batches done in the current epoch, optimizer steps done."""

    epoch: int = 0
    position: int = 0
    step: int = 0

    def next_step(self) -> None:
        """Count a step."""
        self.position += 1
        self.step += 1

    def next_epoch(self) -> None:
        """Count an epoch."""
        self.epoch += 1
        self.position = 0
