"""`early_stopping`: when to stop before the epochs are used up."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from models.spec.base import Count, NotNegative, Section

Monitor = Annotated[str, Field(pattern=r"^validation/[a-z0-9_]{1,40}$")]


class EarlyStopping(Section):
    """Stop after `patience` epochs without the monitored metric improving by more than `min_delta`."""

    monitor: Monitor = Field("validation/loss", description="Metric to watch; the best checkpoint goes by it too.")
    patience: Count = Field(10, description="Epochs without improvement that are borne.")
    min_delta: NotNegative = Field(0.0, description="Smallest change that counts as improvement.")
    restore_best: bool = Field(
        default=True, description="Test and keep the weights of the best epoch, not of the last."
    )
