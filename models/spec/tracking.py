"""`tracking`: what is kept of a run beyond its metrics."""

from __future__ import annotations

from pydantic import Field

from models.spec.base import Section


class Tracking(Section):
    """What is kept of a run beyond its metrics. TensorBoard reads every job: `GET /v1/jobs/{id}/tensorboard`."""

    histograms: bool = Field(
        default=True,
        description="Histograms of weights and gradients, layer by layer, at the end of up to 16 epochs.",
    )
