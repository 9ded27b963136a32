"""A linear predictor on how often words and pairs of words occur: hard to beat where texts are few.

Wang and Manning 2012, Baselines and Bigrams: Simple, Good Sentiment and Topic Classification. Of letters, runs of up to
four are counted, and where a text begins and ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor

from worker.training.baselines.features import evenly_spaced
from worker.training.data.tokens import PADDING, UNKNOWN
from worker.training.rows import Rows
from worker.training.session import Session

if TYPE_CHECKING:
    from scipy import sparse  # type: ignore[import-untyped]

MAX_ROWS = 20_000
MIN_ROWS = 1_000
#: Tokens times lengths of runs times classes that are learned from: seconds of work.
MAX_WORK = 20_000_000
#: Weights of all classes together.
MAX_WEIGHTS = 20_000_000
#: Texts that a run occurs in at least.
MIN_TEXTS = 2
INVERSE_DECAY = 10.0
ITERATIONS = 100
ROWS_AT_A_TIME = 4096
LONGEST_RUN = {"char": 4}
USUAL_RUN = 2

Array = npt.NDArray[Any]


def bag_of_words(session: Session, test: Rows) -> Tensor | None:
    """Logistic regression, or ridge regression, on tf-idf of runs of tokens; None where there is no text."""
    signature = session.data.signature
    if signature.text is None:
        return None
    by_letter = session.spec.preprocessing.text.tokenizer == "char"
    longest = LONGEST_RUN["char"] if by_letter else USUAL_RUN
    num_classes = 1 if signature.classes is None or signature.num_outputs == 2 else signature.num_outputs
    most = min(MAX_ROWS, max(MIN_ROWS, MAX_WORK // (signature.text[0] * longest * num_classes)))
    train = evenly_spaced(Rows(session.data.train.inputs, session.data.train.targets, is_ready=False), most=most)
    runs = Runs(signature.text[1], longest=longest, with_ends=by_letter)
    counts = runs.fit(_codes(train), at_most=MAX_WEIGHTS // num_classes)
    if not len(runs.keys):
        return None
    targets = train.targets.cpu().numpy().reshape(len(train))
    with threadpool_limits(1):
        answers = _answers(
            counts, targets, runs.count(_codes(test)), num_outputs=signature.num_outputs, task=signature.task
        )
    return torch.from_numpy(answers.astype(np.float32)).to(test.targets.device)


class Runs:
    """Runs of one to `longest` tokens, as numbers in a base larger than every code; an unknown token breaks a run."""

    def __init__(self, num_codes: int, *, longest: int, with_ends: bool) -> None:
        self.keys = np.empty(0, np.int64)
        self._end = num_codes
        self._longest = longest
        self._with_ends = with_ends

    def fit(self, codes: Array, *, at_most: int) -> sparse.csr_matrix:
        """Choose the runs that several of the texts [N, T] hold, the most frequent ones; how often each holds each."""
        rows, keys = self._all(codes)
        self.keys, places = np.unique(keys, return_inverse=True)
        counts = _matrix(rows, places, shape=(len(codes), len(self.keys)))
        num_texts = np.bincount(counts.indices, minlength=len(self.keys))
        often = np.flatnonzero(num_texts >= MIN_TEXTS)
        kept = np.sort(often[np.argsort(-num_texts[often], kind="stable")[:at_most]])
        self.keys = self.keys[kept]
        return counts[:, kept]

    def count(self, codes: Array) -> sparse.csr_matrix:
        """How often each text [N, T] holds each chosen run, [N, runs]."""
        from scipy import sparse

        pieces = [self._count(codes[start : start + ROWS_AT_A_TIME]) for start in range(0, len(codes), ROWS_AT_A_TIME)]
        return sparse.vstack(pieces, format="csr")

    def _count(self, codes: Array) -> sparse.csr_matrix:
        rows, keys = self._all(codes)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        known = self.keys[places] == keys
        return _matrix(rows[known], places[known], shape=(len(codes), len(self.keys)))

    def _all(self, codes: Array) -> tuple[Array, Array]:
        """Row and key of every run there is."""
        codes = self._ended(codes.astype(np.int64)) if self._with_ends else codes.astype(np.int64)
        fine = (codes != PADDING) & (codes != UNKNOWN)
        keys, whole = codes, fine
        found = [(np.nonzero(whole)[0], keys[whole])]
        for length in range(1, self._longest):
            whole = whole[:, :-1] & fine[:, length:]
            keys = keys[:, :-1] * (self._end + 1) + codes[:, length:]
            found.append((np.nonzero(whole)[0], keys[whole]))
        return np.concatenate([rows for rows, _ in found]), np.concatenate([keys for _, keys in found])

    def _ended(self, codes: Array) -> Array:
        """With a code of its own where a text begins and where it ends."""
        wider = np.pad(codes, ((0, 0), (1, 1)))
        wider[:, 0] = self._end
        wider[np.arange(len(codes)), (codes != PADDING).sum(1) + 1] = self._end
        return wider


def _codes(rows: Rows) -> Array:
    codes: Array = rows.inputs["tokens"].cpu().numpy()
    return codes


def _matrix(rows: Array, places: Array, *, shape: tuple[int, int]) -> sparse.csr_matrix:
    from scipy import sparse

    matrix = sparse.csr_matrix((np.ones(len(rows)), (rows, places)), shape=shape)
    matrix.sum_duplicates()
    return matrix


def _answers(train: Any, targets: Array, test: Any, *, num_outputs: int, task: str) -> Array:
    """Logits [N, classes], the least possible for a class without training rows, or standardised values [N, 1]."""
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression, Ridge

    weighting = TfidfTransformer(sublinear_tf=True).fit(train)
    inputs, asked = weighting.transform(train), weighting.transform(test)
    if task != "classification":
        values: Array = (
            Ridge(alpha=1 / INVERSE_DECAY, solver="sparse_cg", max_iter=ITERATIONS).fit(inputs, targets).predict(asked)
        )
        return values[:, None]
    model = LogisticRegression(C=INVERSE_DECAY, max_iter=ITERATIONS).fit(inputs, targets)
    logits = np.full((test.shape[0], num_outputs), np.log(1e-12))
    logits[:, model.classes_] = np.log(np.maximum(model.predict_proba(asked), 1e-12))
    return logits
