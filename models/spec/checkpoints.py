"""`checkpoints`: how often the run is made durable, and how much of it is kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from models.spec.base import Section
from models.spec.units import Amount, duration_seconds


def _is_interval(text: str) -> str:
    if text == "auto":
        return text
    try:
        duration_seconds(text)
    except ValueError:
        if not _is_count(text):
            raise ValueError('write "auto", "1 epoch", "500 steps" or "60 s"') from None
    return text


def _is_count(text: str) -> bool:
    try:
        amount = Amount.parse(text)
    except ValueError:
        return False
    return amount.unit != "%" and amount.value >= 1


class Checkpoints(Section):
    """How often the run is made durable, and how much of it is kept; the best and the last are always saved."""

    every: Annotated[str, AfterValidator(_is_interval)] = Field(
        "auto",
        description='"1 epoch", "500 steps" or "60 s"; auto is each end of an epoch, within 10 s to 60 s of the last.',
    )
    keep_last: Annotated[int, Field(ge=1, le=100)] = Field(2, description="Newest checkpoints that are kept.")
