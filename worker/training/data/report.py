"""The data report: what happened to the rows between the file and the network, told with the result of a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

PARTS = ("train", "validation", "test")


@dataclass(slots=True)
class Report:
    """Filled in step by step while data is prepared; `document` is `data_report` of the job's result."""

    rows_read: int
    rows_dropped: dict[str, int] = field(default_factory=dict)
    rows_dropped_by_class: dict[str, dict[str, int]] = field(default_factory=dict)
    columns_dropped: list[str] = field(default_factory=list)
    duplicates: int = 0
    duplicates_across_splits: int = 0
    conflicting_rows: int = 0
    relabelled_rows: int = 0
    accuracy_ceiling: float | None = None
    filled: dict[str, int] = field(default_factory=dict)
    coerced: dict[str, int] = field(default_factory=dict)
    outliers: dict[str, int] = field(default_factory=dict)
    outlier_action: str | None = None
    unseen_categories: dict[str, int] = field(default_factory=dict)
    rare_categories: dict[str, int] = field(default_factory=dict)
    label_noise: dict[str, Any] | None = None
    splits: dict[str, int] = field(default_factory=dict)
    classes: dict[str, dict[str, int]] | None = None
    windows: dict[str, int] | None = None
    images: dict[str, Any] | None = None
    text: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)

    def drop_rows(self, why: str, count: int) -> None:
        """Notes rows that are left out, unless there are none."""
        if count:
            self.rows_dropped[why] = self.rows_dropped.get(why, 0) + count

    def count_parts(self, parts: npt.NDArray[np.int8]) -> None:
        """Notes the rows of each part from part indices [N]; rows of none are below 0."""
        counts = np.bincount(parts[parts >= 0], minlength=len(PARTS)).tolist()
        self.splits = dict(zip(PARTS, counts, strict=True))

    def count_classes(
        self, parts: npt.NDArray[np.int8], labels: npt.NDArray[np.int64], *, classes: Sequence[str]
    ) -> None:
        """Notes the rows of each class in each part, from part and class indices [N] each."""
        cells = parts.astype(np.int64) * len(classes) + labels
        table = np.bincount(cells[parts >= 0], minlength=len(PARTS) * len(classes))
        self.classes = {
            name: dict(zip(classes, row, strict=True))
            for name, row in zip(PARTS, table.reshape(len(PARTS), -1).tolist(), strict=True)
        }

    def count_dropped_classes(self, why: str, labels: npt.NDArray[np.int64], *, classes: Sequence[str]) -> None:
        """Notes the classes of training rows that are left out, from the class indices of those rows."""
        if len(labels):
            counts = np.bincount(labels, minlength=len(classes)).tolist()
            self.rows_dropped_by_class[why] = dict(zip(classes, counts, strict=True))

    def document(self) -> dict[str, Any]:
        """The report as plain JSON values; what did not happen is left out, except the counts that are always there."""
        return {
            "rows_read": self.rows_read,
            "rows_used": sum(self.splits.values()),
            "rows_dropped": self.rows_dropped,
            "rows_dropped_by_class": self.rows_dropped_by_class,
            "columns_dropped": self.columns_dropped,
            "duplicates": self.duplicates,
            "duplicates_across_splits": self.duplicates_across_splits,
            "conflicting_rows": self.conflicting_rows,
            "relabelled_rows": self.relabelled_rows,
            "accuracy_ceiling": self.accuracy_ceiling,
            "filled": self.filled,
            "coerced": self.coerced,
            "outliers": self.outliers,
            "outlier_action": self.outlier_action,
            "unseen_categories": self.unseen_categories,
            "rare_categories": self.rare_categories,
            "label_noise": self.label_noise,
            "splits": self.splits,
            "classes": self.classes,
            "windows": self.windows,
            "images": self.images,
            "text": self.text,
            "warnings": self.warnings,
        }
