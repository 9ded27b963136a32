"""Texts as tokens: the encoding that the training texts give, and what it does to all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.errors import InvalidRow
from models.spec.preprocessing import Text
from worker.training.data import tokens
from worker.training.data.cells import Row, Unusual
from worker.training.data.report import PARTS, Report
from worker.training.data.signature import plain
from worker.training.data.splitting import TRAIN, VALIDATION, Parts
from worker.training.data.tokens import NUM_RESERVED_TOKENS, UNKNOWN, Codes, Tokenizer, padded
from worker.training.data.words import Tidy

MAX_AUTO_LENGTH = 1024
SHORT_LENGTH = 64
"""Texts up to here are read whole: it costs little."""
AS_IT_IS = Tidy(strip=False)
"""For cells, which a table tidies itself."""
_AUTO_QUANTILE = 0.95
_MANY_UNKNOWN = 0.25


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """Rows such as {"text": "Dear all, ..."}, or the text column of a table, as codes of tokens."""

    kind: ClassVar[str] = "text"
    name: str
    tokenizer: Tokenizer
    length: int
    tidy: Tidy

    @property
    def fields(self) -> tuple[str, ...]:
        """The text alone."""
        return (self.name,)

    @property
    def shape(self) -> tuple[int, int]:
        """Tokens of a row, and codes there are."""
        return self.length, self.tokenizer.num_codes

    def encode(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """ "tokens" int32 [N, T]; raises InvalidRow naming the row that has no text."""
        for number, row in enumerate(rows):
            if not isinstance(row.get(self.name), str):
                raise InvalidRow("it is no text", row=number, field=self.name)
        return {"tokens": self.tokens([row[self.name] for row in rows])}

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """int32 [N, T] of texts."""
        codes = self.tokenizer.codes([self.tidy(text) for text in texts])
        return torch.from_numpy(padded(codes, length=self.length))

    def unusual(self, tensors: Mapping[str, Tensor]) -> Unusual:
        """Texts none of whose tokens any training text had."""
        none_known = int((tensors["tokens"] < NUM_RESERVED_TOKENS).all(dim=1).sum())
        return Unusual(unseen={self.name: none_known} if none_known else {})

    def document(self) -> dict[str, Any]:
        """The encoding as plain JSON values."""
        return {
            "kind": self.kind,
            "name": self.name,
            "tokenizer": self.tokenizer.document(),
            "length": self.length,
            "tidy": plain(self.tidy),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The encoding that `document` described."""
        tokenizer = tokens.restored(document["tokenizer"])
        return cls(document["name"], tokenizer, document["length"], Tidy(**document["tidy"]))


def fit_text(
    texts: Sequence[str],
    parts: Parts,
    *,
    name: str,
    spec: Text,
    tidy: Tidy,
    report: Report,
    on_sign: Callable[[], None] = lambda: None,
) -> tuple[TextEncoding, Tensor]:
    """The encoding that the training texts give, and the tokens int32 [N, T] of all texts, which are tidy already.

    Raises InvalidData where the training texts hold no token. Notes what was cut off and what is unknown.
    """
    tokenizer = tokens.fit([text for text, part in zip(texts, parts, strict=True) if part == TRAIN], spec)
    on_sign()
    codes = tokenizer.codes(texts)
    on_sign()
    sizes = np.array([len(row) for row in codes])
    length = _length(spec.max_length, sizes[parts == TRAIN])
    _note(report, codes, sizes, parts, tokenizer=tokenizer, kind=spec.tokenizer, length=length)
    return TextEncoding(name, tokenizer, length, tidy), torch.from_numpy(padded(codes, length=length))


def _length(asked: int | Literal["auto"], sizes: npt.NDArray[np.int64]) -> int:
    if asked != "auto":
        return asked
    most = int(np.quantile(sizes, _AUTO_QUANTILE, method="inverted_cdf"))
    return max(1, min(max(most, min(int(sizes.max()), SHORT_LENGTH)), MAX_AUTO_LENGTH))


def _note(
    report: Report,
    codes: Sequence[Codes],
    sizes: npt.NDArray[np.int64],
    parts: Parts,
    *,
    tokenizer: Tokenizer,
    kind: str,
    length: int,
) -> None:
    unknown = np.array([int((row == UNKNOWN).sum()) for row in codes])
    shares = {
        name: float(unknown[parts == code].sum() / max(1, sizes[parts == code].sum()))
        for code, name in enumerate(PARTS)
    }
    without = int((sizes == 0).sum())
    report.text = {
        "tokenizer": kind,
        "vocabulary": tokenizer.num_codes,
        "length": length,
        "shortened": int((sizes > length).sum()),
        "without_tokens": without,
        "unknown_share": shares,
    }
    if without:
        report.warnings.append(f"{without} {'text holds' if without == 1 else 'texts hold'} no token at all")
    if shares[PARTS[VALIDATION]] > _MANY_UNKNOWN:
        share = f"{shares[PARTS[VALIDATION]]:.0%} of the tokens of the validation texts are unknown"
        report.warnings.append(share if kind != "word" else f"{share}; with bpe or char there would be fewer")
