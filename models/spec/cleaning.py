"""`cleaning`: what is put right in the rows before they are split."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from models.spec.base import Items, Section


class TextCleaning(Section):
    """How text cells are tidied."""

    OFF: ClassVar = {"strip": False}
    strip: bool = Field(default=True, description="Remove white space around every text cell.")


class Cleaning(Section):
    """What is put right in the rows before they are split."""

    OFF: ClassVar = {"duplicates": "keep", "missing_values": (), "text": None}
    duplicates: Literal["keep", "drop", "group_across_splits"] = Field(
        "group_across_splits",
        description="Drop rows that repeat an earlier one, keep rows of equal features in one part of the split, "
        "so that none leaks into the test, or keep everything as it comes.",
    )
    missing_values: Items[Annotated[str, Field(max_length=256)]] = Field(
        ("", "?", "NA", "N/A", "NaN", "nan", "null", "None"), description="Texts that mean a value is missing."
    )
    text: TextCleaning = Field(TextCleaning(), description="How text cells are tidied.")
