"""`training`: how long, in what portions and in which precision."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from models.spec.base import Count, Section
from models.spec.divergence import Fail, OnDivergence
from models.spec.units import Duration


class Training(Section):
    """How long, in what portions and in which precision."""

    epochs: Count = Field(20, description="Passes over the training rows.")
    max_steps: Count | None = Field(None, description="Most optimizer steps; null for as many as the epochs need.")
    max_time: Duration | None = Field(
        None, description="Longest time spent training, after which the best weights are tested."
    )
    batch_size: Literal["auto", "full"] | Count = Field(
        "auto",
        description="Rows per step: 1 is stochastic, full is batch gradient descent, auto goes by the number of rows.",
    )
    micro_batch_size: Literal["auto"] | Count = Field(
        "auto",
        description="Rows that go through the network at once; the step is that of the whole batch. auto is the whole "
        "batch, halved when memory runs out.",
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="Arithmetic of forward and backward; auto is bf16 on a GPU, else fp32."
    )
    compile: Literal["auto"] | bool = Field(
        "auto",
        description="Make kernels for this very network before the first step (torch.compile), which takes up to a "
        "minute; auto does not.",
    )
    on_divergence: OnDivergence = Field(
        Fail(), description="What to do when the loss or a gradient is not finite; the weights are not touched by it."
    )
