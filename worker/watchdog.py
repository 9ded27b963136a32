"""When has a trainer stood still for too long? Judged by its steps: a hung process may well keep beating."""

from __future__ import annotations

import statistics
from collections import deque
from typing import Final

STEPS_OF_PATIENCE: Final = 20
#: Reading data, compiling and testing take their time and tell little: this much more patience outside training.
QUIET_FACTOR: Final = 6
_WINDOW: Final = 32


class Watchdog:
    """Holds the moment at which the trainer counts as hung; signs of life move it. Times are monotonic seconds."""

    def __init__(self, *, patience_seconds: float, now: float) -> None:
        self._patience_seconds = patience_seconds
        self._seen_at = now
        self._step: int | None = None
        self._step_seen_at = now
        self._step_seconds: deque[float] = deque(maxlen=_WINDOW)
        self._is_stepping = False

    @property
    def deadline(self) -> float:
        """When the trainer counts as hung if nothing is heard of it until then."""
        if not self._is_stepping:
            return self._seen_at + QUIET_FACTOR * self._patience_seconds
        return self._seen_at + max(self._patience_seconds, STEPS_OF_PATIENCE * (self.step_seconds or 0.0))

    @property
    def step_seconds(self) -> float | None:
        """The median time of the last steps; None until two have been seen."""
        return statistics.median(self._step_seconds) if self._step_seconds else None

    def seconds_left(self, step: int, *, of: int | None) -> float | None:
        """How long the steps that are left will take; None where that is not known."""
        if of is None or self.step_seconds is None:
            return None
        return max(0.0, float(of - step) * self.step_seconds)

    def saw_phase(self, *, is_training: bool, now: float) -> None:
        """The trainer has entered another phase."""
        self._seen_at = now
        self._is_stepping = is_training and self._step is not None

    def saw_step(self, step: int, *, now: float) -> None:
        """The trainer has told how far it is; the same step again is no progress."""
        if step == self._step:
            return
        if self._step is not None and step > self._step:
            self._step_seconds.append((now - self._step_seen_at) / (step - self._step))
        self._step = step
        self._step_seen_at = self._seen_at = now
        self._is_stepping = True

    def saw_sign(self, now: float) -> None:
        """The trainer has said something else that it could not say while hung, such as a checkpoint."""
        self._seen_at = now
