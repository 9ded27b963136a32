"""Tokens: a text as a row of codes in a vocabulary that the training texts gave.

Code 0 is padding, on the right; 1 is what the vocabulary does not know. Adding a tokenizer: its name in
`models/spec/preprocessing.py`, a class here, entries in `FITTING` and `RESTORING`, a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from models.spec.preprocessing import Text
from worker.training.data.tokens.byte_pairs import BytePairs, fit_byte_pairs
from worker.training.data.tokens.codes import NUM_RESERVED_TOKENS, PADDING, UNKNOWN, Codes, Tokenizer, padded
from worker.training.data.tokens.letters import Letters, fit_letters
from worker.training.data.tokens.words import Words, fit_words

__all__ = ["NUM_RESERVED_TOKENS", "PADDING", "UNKNOWN", "Codes", "Tokenizer", "fit", "padded", "restored"]

FITTING: Mapping[str, Callable[[Sequence[str], Text], Tokenizer]] = MappingProxyType(
    {"word": fit_words, "char": fit_letters, "bpe": fit_byte_pairs}
)
RESTORING: Mapping[str, Callable[..., Tokenizer]] = MappingProxyType({"word": Words, "char": Letters, "bpe": BytePairs})


def fit(texts: Sequence[str], spec: Text) -> Tokenizer:
    """The tokenizer of these texts; raises InvalidData where it would know no token."""
    return FITTING[spec.tokenizer](texts, spec)


def restored(document: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer that `document` described."""
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in document.items()}
    return RESTORING[document["kind"]](**{key: value for key, value in values.items() if key != "kind"})
