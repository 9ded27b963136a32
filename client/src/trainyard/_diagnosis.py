"""What the diagnosis of a job found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ._documents import Document


@dataclass(frozen=True, kw_only=True)
class Suggestion(Document):
    """What may help. `patch` is what `Job.fork` takes; None where no change of the spec is known to help."""

    message: str = ""
    patch: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Finding(Document):
    """What a rule found. `severity` is info, warning or critical."""

    rule: str = ""
    severity: str = "warning"
    first_step: int = 0
    at: datetime | None = None
    message: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    suggestion: Suggestion = field(default_factory=Suggestion)
