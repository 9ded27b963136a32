"""When the next checkpoint is due."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from models.spec.units import Amount, duration_seconds

AUTO_SECONDS: Final = (10.0, 60.0)


class Due:
    """Answers `checkpoints.every`: a number of epochs, of steps, of seconds, or `auto`.

    `auto` saves at ends of epochs, but not within 10 s of the last checkpoint, and in the middle of an epoch that takes
    longer than a minute: a short run pays for one checkpoint, a long one loses a minute at most.
    """

    def __init__(self, every: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._saved_at = clock()
        self._saved_step = 0
        self._saved_epoch = 0
        self._num_steps: int | None = None
        self._num_epochs: int | None = None
        self._seconds: float | None = None
        if every != "auto":
            self._read(every)

    def _read(self, every: str) -> None:
        try:
            self._seconds = duration_seconds(every)
        except ValueError:
            amount = Amount.parse(every)
            if amount.unit == "epoch":
                self._num_epochs = round(amount.value)
            else:
                self._num_steps = round(amount.value)

    def saved(self, *, step: int, epoch: int) -> None:
        """Note that a checkpoint has been saved, or was resumed from."""
        self._saved_at, self._saved_step, self._saved_epoch = self._clock(), step, epoch

    def after_step(self, step: int) -> bool:
        """Whether to save in the middle of an epoch."""
        if self._num_steps is not None:
            return step - self._saved_step >= self._num_steps
        if self._num_epochs is not None:
            return False
        return self._clock() - self._saved_at >= (self._seconds or AUTO_SECONDS[1])

    def after_epoch(self, *, step: int, epoch: int) -> bool:
        """Whether to save now that an epoch is validated; `epoch` counts those that are done."""
        if self._num_epochs is not None:
            return epoch - self._saved_epoch >= self._num_epochs
        if self._num_steps is not None or self._seconds is not None:
            return self.after_step(step)
        return self._clock() - self._saved_at >= AUTO_SECONDS[0]
