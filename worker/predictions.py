"""Answers questions to networks: a thread beside the slots, and one warm predictor process that it asks.

A question is claimed in the database; a nudge only makes the thread look sooner. Whatever becomes of the predictor, the
thread answers: what it was asked when it died gets a 503, what waits behind it gets another predictor.
"""

from __future__ import annotations

import logging
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
from worker.asked import Asked, ProcessGone
from worker.lookout import RETRY_SECONDS, Lookout
from worker.messages import Frame
from worker.provisions import PREDICTING
from worker.spares import Spares
from worker.storage import Abandoned, Patience, reason_of

log = logging.getLogger(__name__)

_AT_ONCE: Final = 8
#: The predictor looks at the time itself; one that says nothing for longer hangs.
_GRACE_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 2.0
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
        self._lookout = Lookout("predictions", self._answer_some, nudge=predictions.nudge(self._pool))
        self._closing = self._lookout.closing

    def start(self) -> None:
        """Begin to look for questions."""
        self._lookout.start()

    def nudge(self, message: str) -> None:
        """Look now, if the message tells of a question in this pool."""
        self._lookout.nudge(message)

    def close(self) -> None:
        """Answer what is all but answered, leave the rest to other workers, and let the predictor go."""
        self._lookout.close()
        while not self._lookout.has_ended(within_seconds=_STOP_SECONDS):
            if (asked := self._asked) is not None:
                asked.process.kill()  # the thread hears of it, and gives the question back
        self._let_go()

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
        except ProcessGone as error:
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
                if time.monotonic() > deadline or self._closing.wait(RETRY_SECONDS):
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
