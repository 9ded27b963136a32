"""Words: letters, digits and the marks upon them in a row, with apostrophes inside; every other sign stands alone."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
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

_MARKS = (range(0x300, 0x1F000), range(0xE0100, 0xE01F0))
"""Where Unicode keeps its combining marks."""


@dataclass(frozen=True, slots=True)
class Words:
    """A vocabulary of words, most frequent first."""

    kind: ClassVar[str] = "word"
    vocabulary: tuple[str, ...]
    lowercase: bool

    @property
    def num_codes(self) -> int:
        """Size of the vocabulary, the two reserved codes included."""
        return len(self.vocabulary) + NUM_RESERVED_TOKENS

    def codes(self, texts: Sequence[str]) -> list[Codes]:
        """The codes of each text, int32 [length]."""
        words = {word: code for code, word in enumerate(self.vocabulary, NUM_RESERVED_TOKENS)}
        known: dict[str, tuple[int, ...]] = {}
        return [self._coded(text, words, known) for text in texts]

    def document(self) -> dict[str, Any]:
        """The tokenizer as plain JSON values."""
        return {"kind": self.kind, "vocabulary": list(self.vocabulary), "lowercase": self.lowercase}

    def _coded(self, text: str, words: dict[str, int], known: dict[str, tuple[int, ...]]) -> Codes:
        """The codes of one text; `known` remembers those of what stood between blanks so far."""
        chunks = spelled(text, lowercase=self.lowercase).split()
        for chunk in set(chunks).difference(known):
            known[chunk] = tuple(words.get(word, UNKNOWN) for word in words_of(chunk))
        return np.fromiter(chain.from_iterable(map(known.__getitem__, chunks)), np.int32)


def fit_words(texts: Sequence[str], spec: Text) -> Words:
    """The vocabulary of the texts. What stands between blanks is counted first, and taken apart once for all."""
    chunks: Counter[str] = Counter()
    for text in texts:
        chunks.update(spelled(text, lowercase=spec.lowercase).split())
    counts: Counter[str] = Counter()
    for chunk, count in chunks.items():
        for word in words_of(chunk):
            counts[word] += count
    vocabulary = most_frequent(counts, at_most=spec.max_tokens, min_count=spec.min_count)
    return Words(vocabulary, spec.lowercase)


def words_of(text: str) -> list[str]:
    """The words and single signs of a text."""
    return _pattern().findall(text)


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    r"""The words. Python's \w leaves out combining marks, without which Hindi or Thai falls to pieces."""
    marks = "".join(letter for letter in map(chr, chain(*_MARKS)) if unicodedata.category(letter) in {"Mn", "Mc"})
    letter = rf"[\w{marks}]"
    return re.compile(rf"{letter}+(?:['\u2019]{letter}+)*|\S")
