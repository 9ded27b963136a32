"""The job spec: one declarative document that says what to train. Pure pydantic."""

from __future__ import annotations

from typing import Any

from models.spec.catalogue import Entry, EntryField, catalogue
from models.spec.job import JobSpec
from models.spec.parsing import parse
from models.spec.resolving import resolve

__all__ = ["Entry", "EntryField", "JobSpec", "catalogue", "document", "parse", "resolve"]


def document(spec: JobSpec) -> dict[str, Any]:
    """The spec as plain JSON values, every default visible."""
    return spec.model_dump(mode="json")
