"""What tokenizers have in common: reserved codes, the spelling of a text, and rows of one length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData

PADDING, UNKNOWN = 0, 1
NUM_RESERVED_TOKENS = 2

Codes = npt.NDArray[np.int32]


class Tokenizer(Protocol):
    """Turns texts into codes; `document` is what a checkpoint keeps of it."""

    @property
    def num_codes(self) -> int:
        """Size of the vocabulary, the two reserved codes included."""
        ...

    def codes(self, texts: Sequence[str]) -> list[Codes]:
        """The codes of each text, int32 [length]."""
        ...

    def document(self) -> dict[str, Any]:
        """The tokenizer as plain JSON values."""
        ...


def spelled(text: str, *, lowercase: bool) -> str:
    """A text as tokenizers read it: no lone surrogates, which are no text. Its Unicode form is a matter of cleaning."""
    if not text.isascii():
        text = text.encode(errors="replace").decode()
    return text.lower() if lowercase else text


def shortened(codes: Codes, *, length: int) -> Codes:
    """The codes, or the first quarter and the last three of so many: texts say what they are about at their ends.

    Sun et al. 2019, How to Fine-Tune BERT for Text Classification, section 5.3.1.
    """
    if len(codes) <= length:
        return codes
    head = length // 4
    return np.concatenate([codes[:head], codes[len(codes) - (length - head) :]])


def padded(rows: Sequence[Codes], *, length: int) -> Codes:
    """Rows of codes as one array int32 [N, length], long ones shortened; one without tokens holds an unknown token."""
    result = np.full((len(rows), length), PADDING, np.int32)
    for place, row in enumerate(rows):
        codes = shortened(row, length=length)
        result[place, : len(codes)] = codes
    result[[not len(row) for row in rows], 0] = UNKNOWN
    return result


def most_frequent(counts: Counter[str], *, at_most: int, min_count: int) -> tuple[str, ...]:
    """The tokens that occur often enough, most frequent first; raises InvalidData where there are none."""
    often = sorted((-count, token) for token, count in counts.items() if count >= min_count)
    if not often:
        raise InvalidData(
            "the training texts hold no token" + (f" that occurs {min_count} times or more" if min_count > 1 else "")
        )
    return tuple(token for _, token in often[:at_most])
