"""Why training ends badly, and whose fault it is.

TrainingError
├── Diverged            a loss or gradient was not finite; the weights were not touched by it
├── OutOfMemory         the job does not fit into memory
└── CheckpointRefused   a checkpoint is damaged or belongs to another job
    └── GoldenRowsDiffer    what it is loaded into does not answer as what trained
"""

from __future__ import annotations

from typing import Literal

Fault = Literal["user", "infrastructure"]


class TrainingError(Exception):
    """Training cannot go on. `code` is stable, `message` is for people, `param` points into the spec."""

    def __init__(self, code: str, message: str, *, param: str | None = None, fault: Fault = "user") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.fault: Fault = fault


class Diverged(TrainingError):
    """The loss or the gradient of `step` was not finite."""

    def __init__(self, *, step: int, what: str) -> None:
        super().__init__(
            "diverged",
            f"The {what} of step {step} is not finite. Try a lower learning rate, a warm-up or gradient clipping.",
            param="#/optimizer/learning_rate",
        )
        self.step = step


class OutOfMemory(TrainingError):
    """The job does not fit into the memory of its device."""

    def __init__(self, message: str, *, param: str = "#/training/batch_size") -> None:
        super().__init__("out_of_memory", message, param=param)


class CheckpointRefused(TrainingError):
    """A checkpoint cannot be gone on from: its files are damaged, or it belongs to another spec or other data."""

    def __init__(self, message: str, *, code: str = "checkpoint_refused") -> None:
        super().__init__(code, message, fault="infrastructure")


class GoldenRowsDiffer(CheckpointRefused):
    """The golden rows of a checkpoint are answered differently from when it was saved."""

    def __init__(self) -> None:
        super().__init__(
            "The checkpoint's golden rows are answered differently from when it was saved: it does not predict what "
            "it was trained to.",
            code="golden_rows_differ",
        )
