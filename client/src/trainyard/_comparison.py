"""The shape of what is different between jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._documents import Document


@dataclass(frozen=True, kw_only=True)
class Difference(Document):
    """One place of the resolved specs where jobs are not the same; a value per job."""

    pointer: str = ""
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LossParting(Document):
    """The first step at which the training losses of two jobs are not the same number; None where there is none."""

    jobs: tuple[str, ...] = ()
    first_step: int | None = None
    values: tuple[Any, ...] | None = None
    compared_steps: int = 0


@dataclass(frozen=True, kw_only=True)
class Comparison(Document):
    """What is different between jobs. Each loss parting is that of a job against the first one."""

    jobs: tuple[Mapping[str, Any], ...] = ()
    differences: tuple[Difference, ...] = ()
    losses: tuple[LossParting, ...] = ()
    weights_equal: bool | None = None
