"""`evaluation`: what is measured on validation and test rows, and what it is compared with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.spec.base import Items, Section

ClassificationMetric = Literal["accuracy", "balanced_accuracy", "f1_macro", "precision_macro", "recall_macro", "auroc"]
RegressionMetric = Literal["rmse", "mae", "r2"]
Metric = Literal[ClassificationMetric, RegressionMetric]


class Evaluation(Section):
    """What is measured besides the loss, and what it is compared with."""

    metrics: Literal["auto"] | Annotated[Items[Metric], Field(min_length=1)] = Field(
        "auto",
        description="Metrics by name; auto is accuracy, f1_macro and auroc for classes, rmse, mae and r2 for numbers.",
    )
    baselines: bool = Field(
        default=True, description="Score simple predictors on the same split, and say whether the network beats them."
    )
