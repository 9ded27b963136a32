"""`evaluation`: what is measured on validation and test rows, and what it is compared with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.spec.base import Items, Section

ClassificationMetric = Literal[
    "accuracy",
    "f1_macro",
    "auroc",
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "average_precision",
    "log_loss",
    "top5",
    "matthews",
    "calibration_error",
]
RegressionMetric = Literal["rmse", "mae", "r2", "mape", "smape"]
Metric = Literal[ClassificationMetric, RegressionMetric]


class Evaluation(Section):
    """What is measured besides the loss, and what it is compared with."""

    metrics: Literal["auto"] | Annotated[Items[Metric], Field(min_length=1)] = Field(
        "auto",
        description="Metrics by name; auto is accuracy, f1_macro and auroc for classes (top5 in place of auroc for "
        "more than a hundred), rmse, mae and r2 for numbers.",
    )
    baselines: bool = Field(
        default=True,
        description="Score simple predictors on the same split, and say whether the network beats the best of them.",
    )
