"""How a text cell is tidied, in training and when rows are predicted: by one function."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from string import whitespace
from typing import Literal

from models.spec.cleaning import TextCleaning


@dataclass(frozen=True, slots=True)
class Tidy:
    """Blanks, Unicode and case of a text."""

    strip: bool | str = True
    unicode: Literal["NFC", "NFKC", "none"] = "none"
    case: Literal["keep", "lower", "upper"] = "keep"

    @classmethod
    def of(cls, spec: TextCleaning) -> Tidy:
        """As the spec says."""
        return cls(spec.strip, spec.unicode, spec.case)

    def __call__(self, text: str) -> str:
        """The text, tidied."""
        if self.unicode != "none" and not text.isascii():
            text = unicodedata.normalize(self.unicode, text)
        if self.case != "keep":
            text = text.lower() if self.case == "lower" else text.upper()
        if isinstance(self.strip, str):
            return text.strip(self.strip + whitespace).strip()
        return text.strip() if self.strip else text
