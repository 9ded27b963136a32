"""Byte-pair encoding: frequent words are whole, rare ones fall into pieces, and nothing is unknown.

Sennrich et al. 2016, on bytes as in GPT-2 (Radford et al. 2019), by the `tokenizers` library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, FixedLength
from tokenizers.pre_tokenizers import Sequence as OneAfterTheOther
from tokenizers.trainers import BpeTrainer

from models.errors import InvalidData
from models.spec.preprocessing import Text
from worker.training.data.tokens.codes import NUM_RESERVED_TOKENS, Codes, spelled

_AT_ONCE = 1024
#: A longer run of letters is read in pieces of so many bytes: merging takes time by the square of its length.
_LONGEST_RUN = 256


@dataclass(frozen=True, slots=True)
class BytePairs:
    """Merges of bytes, as the JSON that the `tokenizers` library reads."""

    kind: ClassVar[str] = "bpe"
    tokenizer: str
    lowercase: bool

    @property
    def num_codes(self) -> int:
        """Size of the vocabulary, the two reserved codes included."""
        return int(_opened(self.tokenizer).get_vocab_size()) + NUM_RESERVED_TOKENS

    def codes(self, texts: Sequence[str]) -> list[Codes]:
        """The codes of each text, int32 [length]: those of the library behind the two that are reserved."""
        tokenizer = _opened(self.tokenizer)
        found: list[Codes] = []
        for start in range(0, len(texts), _AT_ONCE):
            batch = [spelled(text, lowercase=self.lowercase) for text in texts[start : start + _AT_ONCE]]
            encoded = tokenizer.encode_batch_fast(batch, add_special_tokens=False)
            found += [np.array(pieces.ids, np.int32) + NUM_RESERVED_TOKENS for pieces in encoded]
        return found

    def document(self) -> dict[str, Any]:
        """The tokenizer as plain JSON values."""
        return {"kind": self.kind, "tokenizer": self.tokenizer, "lowercase": self.lowercase}


def fit_byte_pairs(texts: Sequence[str], spec: Text) -> BytePairs:
    """The merges of the texts; raises InvalidData where all of them are empty."""
    if not any(texts):
        raise InvalidData("the training texts hold no token")
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = OneAfterTheOther([ByteLevel(add_prefix_space=False), FixedLength(length=_LONGEST_RUN)])
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=spec.max_tokens,
        min_frequency=spec.min_count,
        initial_alphabet=sorted(ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator((spelled(text, lowercase=spec.lowercase) for text in texts), trainer=trainer)
    return BytePairs(tokenizer.to_str(), spec.lowercase)


@lru_cache(maxsize=4)
def _opened(document: str) -> Tokenizer:
    return Tokenizer.from_str(document)
