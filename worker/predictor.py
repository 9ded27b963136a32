"""The child process that predicts: questions come in one after another, answers go out, and networks stay warm.

Like a trainer it knows no database, no broker and no HTTP. It is forked from the same template, computes on the CPU
with one thread, and lets trainers go first.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson
import torch

from models.errors import FieldError, InvalidData, InvalidRow, TimedOut, TrainyardError, Unprocessable
from models.spec.pointers import pointer
from worker.messages import Frame
from worker.orders import Channel
from worker.training import CheckpointRefused
from worker.training.predicting import Predictor

#: Networks are kept while their weights take no more than this together; the last one asked is always kept.
SHELF_BYTES: Final = 1 << 30
#: A question with more answers than this is asked in parts.
MAX_PROBABILITIES: Final = 500_000
MAX_ANSWER_BYTES: Final = 32 << 20
_NICENESS: Final = 5
_FIRST_TO_BE_KILLED: Final = "1000"


class Shelf:
    """The networks that were asked last, by the digest of their checkpoint."""

    def __init__(self, *, max_bytes: int = SHELF_BYTES) -> None:
        self._max_bytes = max_bytes
        self._predictors: OrderedDict[str, Predictor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._predictors)

    def predictor(self, path: Path, *, manifest_sha256: str) -> Predictor:
        """The predictor of a checkpoint, loaded unless it is here. Raises CheckpointRefused."""
        known = self._predictors.pop(manifest_sha256, None)
        predictor = Predictor.load(path) if known is None else known
        self._predictors[manifest_sha256] = predictor
        while len(self) > 1 and sum(kept.num_bytes for kept in self._predictors.values()) > self._max_bytes:
            self._predictors.popitem(last=False)
        return predictor


def run(connection: socket.socket) -> int:
    """Answer questions until the other end closes, which ends the process."""
    channel = Channel(connection)
    os.environ.update(channel.next().fields["environment"])
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    _give_way()
    shelf = Shelf()
    while True:
        question = channel.next().fields
        document = answered(question, shelf)
        sys.stderr.flush()
        connection.sendall(_fitting(document).encode())


def answered(question: Mapping[str, Any], shelf: Shelf) -> dict[str, Any]:
    """The answer to a question, or `{"problem": …}` as the client is to be told it."""
    try:
        return _answer(question, shelf)
    except TrainyardError as error:
        return {"problem": {**error.problem(), "headers": error.headers}}
    except CheckpointRefused as refused:
        # not a conflict that waiting would end, so it carries no Retry-After
        return {"problem": {"status": 409, "code": refused.code, "detail": refused.message}}
    except Exception:  # noqa: BLE001  one question must not take the networks of all others along
        traceback.print_exc()
        detail = "The network could not be asked; the worker's log has the traceback."
        return {"problem": {"status": 503, "code": "prediction_failed", "detail": detail}}


def _answer(question: Mapping[str, Any], shelf: Shelf) -> dict[str, Any]:
    deadline = time.monotonic() + question["seconds"]
    asked = orjson.loads(question["text"])
    rows, num_probabilities = asked["rows"], asked["num_probabilities"]
    predictor = shelf.predictor(Path(question["path"]), manifest_sha256=question["manifest_sha256"])
    _check_size(predictor, num_rows=len(rows), num_probabilities=num_probabilities)

    def go_on() -> None:
        if time.monotonic() > deadline:
            raise TimedOut("The rows take longer than a request may; send fewer.", code="prediction_timeout")

    try:
        found = predictor.predict(rows, num_probabilities=num_probabilities, on_piece=go_on)
    except InvalidRow as error:
        words = ("rows", error.row) if error.field is None else ("rows", error.row, error.field)
        raise _invalid(pointer(*words), error.message) from error
    except InvalidData as error:
        raise _invalid(pointer("rows"), str(error)) from error
    return {"predictions": found.rows, "missing": found.missing, "unseen": found.unseen, "ignored": found.ignored}


def _check_size(predictor: Predictor, *, num_rows: int, num_probabilities: int | None) -> None:
    classes = predictor.signature.classes or ()
    each = min(len(classes), num_probabilities or len(classes))
    if num_rows * each > MAX_PROBABILITIES:
        detail = f"{num_rows} rows with {each} probabilities each are too many; send fewer rows or set `top`"
        raise _invalid(pointer("rows"), detail)


def _invalid(place: str, detail: str) -> Unprocessable:
    return Unprocessable(f"{place}: {detail}.", code="invalid_rows", errors=[FieldError(place, detail)])


def _fitting(document: dict[str, Any]) -> Frame:
    """The answer, or the advice to ask for less where it is longer than anybody wants to store."""
    answer = Frame("answer", {"document": document})
    if len(answer.encode()) <= MAX_ANSWER_BYTES:
        return answer
    too_long = _invalid(pointer("rows"), "the answer is too long; send fewer rows or set `top`")
    return Frame("answer", {"document": {"problem": too_long.problem()}})


def _give_way() -> None:
    """Let trainers have the processor first, and memory last."""
    torch.set_num_threads(1)
    os.nice(_NICENESS)
    with suppress(OSError):  # only Linux has it
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_BE_KILLED)
