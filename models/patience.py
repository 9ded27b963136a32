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
_INTERVAL_SECONDS: Final = 0.1

T = TypeVar("T")


class PatientConnection(psycopg.Connection[Any]):
    """Waits `ANSWER_SECONDS` for each answer. Raises OperationalError then, and is closed: what was asked may or may
    not be done.
    """

    def wait(self, gen: PQGen[T], interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> T:
        """See `psycopg.Connection.wait`; every statement and every COMMIT passes here."""
        try:
            return super().wait(gen, interval, ANSWER_SECONDS if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:  # an answer may still come, for nobody
                self.pgconn.finish()
            raise
