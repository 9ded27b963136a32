"""Answers questions to networks: a thread beside the slots, and one warm predictor process that it asks.

A question is claimed in the database; a nudge only makes the thread look sooner. Whatever becomes of the predictor, the
thread answers: what it was asked when it died gets a 503, what waits behind it gets another predictor.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from models import predictions
from models.artifacts import ArtifactStore, Copy
from models.database import Database
from models.errors import NotFound, Unavailable
from models.predictions import Question
from models.settings import Settings
from worker.messages import Decoder, Frame, FrameError
from worker.processes import TrainerProcess
from worker.provisions import PREDICTING
from worker.spares import NoTemplate, Spares
from worker.storage import Abandoned, Patience, reason_of

log = logging.getLogger(__name__)

#: How long a question whose nudge was lost waits.
LOOK_SECONDS: Final = 1.0
_AT_ONCE: Final = 8
#: The predictor looks at the time itself; one that says nothing for longer hangs.
_GRACE_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 0.2
_STOP_SECONDS: Final = 2.0
_RECEIVE_BYTES: Final = 1 << 16
_CRASHED: Final = {
    "status": 503,
    "code": "predictor_crashed",
    "detail": "The process that predicts has ended amid these rows; another one is started.",
    "headers": {"Retry-After": "1"},
}
_HANGS: Final = {
    "status": 504,
    "code": "prediction_timeout",
    "detail": "The rows took longer than a request may; send fewer.",
}
_NO_ROOM: Final = {"status": 503, "code": "storage_full", "headers": {"Retry-After": "60"}}


class PredictorGone(Exception):
    """The predictor has died, or says what is no frame."""


class Predictions:
    """Claims the questions of a pool and has them answered, one after another."""

    def __init__(
        self, settings: Settings, *, database: Database, store: ArtifactStore, spares: Spares, worker_id: str
    ) -> None:
        self._pool = settings.pool
        self._database = database
        self._store = store
        self._spares = spares
        self._worker_id = worker_id
        self._asked: Asked | None = None
        self._bell = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="predictions", daemon=True)

    def start(self) -> None:
        """Begin to look for questions."""
        self._thread.start()

    def nudge(self, message: str) -> None:
        """Look now, if the message tells of a question in this pool."""
        if message == predictions.nudge(self._pool):
            self._bell.set()

    def close(self) -> None:
        """Answer what is all but answered, leave the rest to other workers, and let the predictor go."""
        self._closing.set()
        self._bell.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)
            if self._thread.is_alive() and self._asked is not None:
                self._asked.process.kill()  # the thread hears of it, and gives the question back
            self._thread.join()
        self._let_go()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                while not self._closing.is_set() and self._answer_some():
                    continue
            except NoTemplate:
                self._closing.wait(_RETRY_SECONDS)  # it warms up: the questions are there still
                continue
            except Unavailable:
                log.debug("the database does not answer; questions wait")
            except Exception:  # without this thread every question would run into its deadline
                log.exception("answering questions has failed; trying again")
            self._bell.wait(LOOK_SECONDS)
            self._bell.clear()

    def _answer_some(self) -> bool:
        """Answer the oldest questions; False where there were none. Raises Unavailable and NoTemplate."""
        with self._database.reading() as connection:
            if not predictions.is_waiting(connection, pool=self._pool):
                return False
        self._predictor()  # before anything is claimed: who cannot answer leaves it to others
        with self._database.unit_of_work() as connection:
            questions = predictions.claim(connection, pool=self._pool, worker_id=self._worker_id, limit=_AT_ONCE)
        left = [question.id for question in questions]
        until = time.monotonic()
        try:
            for question in questions:
                if self._closing.is_set():
                    break
                document = self._document(self._predictor(), question, waited_seconds=time.monotonic() - until)
                if document is None:
                    break
                self._give(question, document)
                left.remove(question.id)
        finally:
            self._release(left)
        return bool(questions)

    def _document(self, predictor: Asked, question: Question, *, waited_seconds: float) -> dict[str, Any] | None:
        """What the client is to be told; None when this worker stops before it is known."""
        until = time.monotonic() + question.seconds_left - waited_seconds
        try:
            with self._checkpoint(question, until=until) as copy:
                return self._answered(predictor, question, path=copy.path, seconds=until - time.monotonic())
        except Abandoned:
            return None
        except NotFound as error:
            return {"problem": {"status": 409, "code": "checkpoint_refused", "detail": error.detail}}
        except Unavailable as error:
            return {"problem": {**error.problem(), "headers": dict(error.headers)}}
        except OSError as error:
            return {"problem": {**_NO_ROOM, "detail": reason_of(error).message}}

    def _checkpoint(self, question: Question, *, until: float) -> Copy:
        """The files that predict, on this machine's disk. Raises NotFound, and Unavailable once the time is up."""
        watch = Patience(until - time.monotonic() - _GRACE_SECONDS, on_sign=lambda: None, abandoned=self._closing)
        return self._store.fetch_checkpoint(
            question.location, manifest_sha256=question.manifest_sha256, only=PREDICTING, watch=watch
        )

    def _answered(self, predictor: Asked, question: Question, *, path: Path, seconds: float) -> dict[str, Any] | None:
        fields = {
            "path": str(path),
            "manifest_sha256": question.manifest_sha256,
            "text": question.text,
            "seconds": seconds,
        }
        try:
            return predictor.ask(Frame("question", fields), timeout_seconds=max(0.0, seconds) + _GRACE_SECONDS)
        except PredictorGone as error:
            if self._closing.is_set():
                return None
            log.warning("the predictor has ended amid question %s: %s", question.id, error)
            problem = _CRASHED
        except TimeoutError:
            log.warning("the predictor hangs at question %s; it is killed", question.id)
            problem = _HANGS
        self._let_go()
        return {"problem": dict(problem)}

    def _give(self, question: Question, document: dict[str, Any]) -> None:
        """Store the answer, as long as somebody may wait for it."""
        deadline = time.monotonic() + question.seconds_left
        while True:
            try:
                with self._database.unit_of_work() as connection:
                    predictions.answer(connection, question_id=question.id, document=document)
            except Unavailable:
                if time.monotonic() > deadline or self._closing.wait(_RETRY_SECONDS):
                    return
            else:
                return

    def _release(self, question_ids: list[str]) -> None:
        if question_ids:
            with suppress(Unavailable), self._database.unit_of_work() as connection:
                predictions.release(connection, question_ids=question_ids)

    def _predictor(self) -> Asked:
        """The process that predicts, forked if there is none. Raises NoTemplate."""
        if self._asked is not None and not self._asked.process.is_open():
            log.warning("the predictor has ended while it was idle: %s", self._asked.said())
            self._let_go()
        if self._asked is None:
            self._asked = Asked(self._spares.predictor())
        return self._asked

    def _let_go(self) -> None:
        if self._asked is not None:
            self._asked.close()
            self._asked = None


class Asked:
    """A predictor process as the thread that asks it sees it."""

    def __init__(self, process: TrainerProcess) -> None:
        self.process: Final = process
        self._decoder = Decoder()

    def ask(self, question: Frame, *, timeout_seconds: float) -> dict[str, Any]:
        """The answer's document. Raises PredictorGone, and TimeoutError when there is none in time."""
        try:
            self.process.send(question)
            answer = self._next(time.monotonic() + timeout_seconds)
        except (OSError, FrameError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise PredictorGone(f"{error} {self.said()}") from error
        if said := self.said():
            log.warning("the predictor says: %s", said)
        return dict(answer.fields["document"])

    def said(self) -> str:
        """What the process has printed since the last time; a full pipe would stop it."""
        pieces = []
        with suppress(BlockingIOError):
            while piece := os.read(self.process.output, _RECEIVE_BYTES):
                pieces.append(piece)
        return b"".join(pieces).decode(errors="replace").strip()[-4000:]

    def close(self) -> None:
        """Kill the process and forget it."""
        self.process.kill()
        self.process.close()

    def _next(self, deadline: float) -> Frame:
        poll = select.poll()
        poll.register(self.process.channel, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                raise TimeoutError("no answer")
            data = self.process.channel.recv(_RECEIVE_BYTES)
            if not data:
                raise ConnectionResetError("it has closed its channel.")
            for frame in self._decoder.feed(data):
                return frame
