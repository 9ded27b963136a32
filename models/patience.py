"""Connections to PostgreSQL that give up a server which has fallen silent.

The server's own `statement_timeout` ends a statement that takes too long, and TCP ends a connection whose packets are
not acknowledged. Neither helps against a server whose processes stand still (a frozen machine, SIGSTOP, a disk that
does not answer) while its kernel goes on acknowledging: without a limit of our own, whoever asks waits for ever.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

#: A little more than `statement_timeout`, so that a server that is alive is heard.
ANSWER_SECONDS: Final = 8.0
#: A connection from the pool is asked for a sign of life first. With the time to connect anew, which follows, this is
#: no longer than an answer may take.
PING_SECONDS: Final = 3.0
_INTERVAL_SECONDS: Final = 0.1

T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """Waits `ANSWER_SECONDS` for each answer, and `PING_SECONDS` for a sign of life.

    Raises OperationalError then, and is closed: what was asked may or may not be done.
    """

    def wait(self, gen: PQGen[T], interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> T:
        """See `psycopg.Connection.wait`; every statement and every COMMIT passes here."""
        try:
            return super().wait(gen, interval, self._patience_seconds() if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:  # an answer may still come, for nobody
                self.pgconn.finish()
            raise

    def _patience_seconds(self) -> float:
        """How long to wait for the answer to what was just asked; the pool alone asks outside a transaction."""
        return PING_SECONDS if self.autocommit else ANSWER_SECONDS
