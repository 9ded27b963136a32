"""Letters: every character of Unicode is a token, blanks too."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from models.spec.preprocessing import Text
from worker.training.data.tokens.codes import (
    NUM_RESERVED_TOKENS,
    UNKNOWN,
    Codes,
    most_frequent,
    spelled,
)


@dataclass(frozen=True, slots=True)
class Letters:
    """A vocabulary of characters, most frequent first."""

    kind: ClassVar[str] = "char"
    vocabulary: tuple[str, ...]
    lowercase: bool

    @property
    def num_codes(self) -> int:
        """Size of the vocabulary, the two reserved codes included."""
        return len(self.vocabulary) + NUM_RESERVED_TOKENS

    def codes(self, texts: Sequence[str]) -> list[Codes]:
        """The codes of each text, int32 [length]."""
        table = np.full(sys.maxunicode + 1, UNKNOWN, np.int32)
        table[[ord(letter) for letter in self.vocabulary]] = np.arange(NUM_RESERVED_TOKENS, self.num_codes)
        return [table[_points(text, lowercase=self.lowercase)] for text in texts]

    def document(self) -> dict[str, Any]:
        """The tokenizer as plain JSON values."""
        return {"kind": self.kind, "vocabulary": list(self.vocabulary), "lowercase": self.lowercase}


def fit_letters(texts: Sequence[str], spec: Text) -> Letters:
    """The characters of the texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        points, numbers = np.unique(_points(text, lowercase=spec.lowercase), return_counts=True)
        counts.update(dict(zip(map(chr, points.tolist()), numbers.tolist(), strict=True)))
    return Letters(most_frequent(counts, at_most=spec.max_tokens, min_count=spec.min_count), spec.lowercase)


def _points(text: str, *, lowercase: bool) -> Any:
    """The code points of a text, uint32 [length]."""
    return np.frombuffer(spelled(text, lowercase=lowercase).encode("utf-32-le"), np.uint32)
