"""`training.on_divergence`: what to do when the loss or a gradient is no longer finite."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.spec.base import Count, Named, Section, usually


class Fail(Section):
    """End the job with the reason `diverged`; its last checkpoint is from before."""

    type: Literal["fail"] = "fail"


class Rewind(Section):
    """Go back to the last checkpoint and on from there with a lower learning rate (as PaLM's loss spikes were passed,
    Chowdhery et al. 2022, section 5.1, though by other data).
    """

    type: Literal["rewind"] = "rewind"
    factor: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="What the learning rate is multiplied by, anew each time."
    )
    max_times: Count = Field(3, description="Rewinds, after which the job fails.")


OnDivergence = Annotated[Fail | Rewind, Field(discriminator="type"), usually("rewind"), Named]
