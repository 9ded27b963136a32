"""Logs: one text, read by offset or by its last lines, bounded."""

import pytest

from models import logs
from models.database import Database
from models.logs import LogPart
from tests.models.steps import submit


@pytest.fixture
def job_id(database: Database) -> str:
    return submit(database).id


def _append(database: Database, job_id: str, *parts: bytes) -> None:
    for part in parts:
        with database.unit_of_work() as connection:
            logs.append(connection, job_id=job_id, attempt=1, content=part)


def _tail(database: Database, job_id: str, num_lines: int) -> LogPart:
    with database.reading() as connection:
        return logs.tail(connection, job_id=job_id, num_lines=num_lines)


def test_a_log_is_read_on_from_any_byte(database: Database, job_id: str) -> None:
    _append(database, job_id, b"epoch 1\n", b"epoch 2\n", b"epoch 3\n")
    with database.reading() as connection:
        for after in range(25):
            part = logs.read(connection, job_id=job_id, after=after)
            assert part == LogPart(b"epoch 1\nepoch 2\nepoch 3\n"[after:], 24)


def test_the_tail_counts_lines_across_chunks(database: Database, job_id: str) -> None:
    _append(database, job_id, b"a\nb", b"c\n", b"d\ne\n")
    assert _tail(database, job_id, 3) == LogPart(b"bc\nd\ne\n", 9)
    assert _tail(database, job_id, 99).content == b"a\nbc\nd\ne\n"
    assert _tail(database, job_id, 0).content == b""


def test_an_empty_log_is_empty(database: Database, job_id: str) -> None:
    assert _tail(database, job_id, 5) == LogPart(b"", 0)


def test_a_chatty_job_is_cut_off_with_a_word(database: Database, job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LONGEST_LOG_BYTES", 10)
    _append(database, job_id, b"12345678", b"90abc", b"never")
    with database.reading() as connection:
        content = logs.read(connection, job_id=job_id).content
    assert content == b"1234567890[the log is cut off here: it has reached its limit]\n"
