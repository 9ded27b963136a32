"""The log of a process: what a line looks like, what it is about, and what never gets into one."""

import json
import logging
import threading
from contextvars import copy_context

import pytest

from models import logbook
from models.database import Database
from models.keys import create
from models.logbook import JsonLines, PlainLines, about, configure
from models.settings import Settings


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": message, "args": args, "levelname": "WARNING", "name": "t"})
    vars(made).update(extra)
    return made


def json_line(made: logging.LogRecord) -> dict[str, object]:
    return dict(json.loads(JsonLines().format(made)))


def test_a_line_is_for_people_or_json_for_machines():
    made = record("job %s is lost", "x", request_id="abc")
    plain, machine = PlainLines().format(made), json_line(made)
    assert plain.endswith(" warning t: job x is lost (request_id=abc)")
    assert list(machine) == ["time", "level", "logger", "message", "request_id"]
    assert (machine["level"], machine["message"], machine["request_id"]) == ("warning", "job x is lost", "abc")


def test_lines_carry_what_they_are_about_from_wherever_they_come():
    with about(job_id="job_1", attempt=2):
        with about(trace_id="f" * 32, key_id=None):
            inner = json_line(record("inside"))
        outer = json_line(record("outside", attempt=3))
    assert (inner["job_id"], inner["attempt"], inner["trace_id"]) == ("job_1", 2, "f" * 32)
    assert "key_id" not in inner
    assert (outer["attempt"], "trace_id" in outer) == (3, False)
    assert "job_id" not in json_line(record("after"))


def test_a_thread_run_in_a_copy_of_the_context_speaks_of_the_same():
    lines: list[dict[str, object]] = []
    with about(job_id="job_1"):
        context = copy_context()
    thread = threading.Thread(target=context.run, args=[lambda: lines.append(json_line(record("there")))])
    thread.start()
    thread.join()
    assert lines[0]["job_id"] == "job_1"


@pytest.mark.parametrize("evil", ["\n10:20:30 error x: forged", "\r\x1b[2Kforged", "\u2028forged", "\u202egro"])
def test_nothing_in_a_message_or_a_field_forges_a_line(evil: str):
    made = record("from %s", evil, user=evil)
    plain = PlainLines().format(made)
    assert plain.isprintable()
    assert len(plain.splitlines()) == 1
    assert len(JsonLines().format(made).split("\n")) == 1
    assert json_line(made)["message"] == f"from {evil}"


def test_a_traceback_is_indented_so_that_none_of_its_lines_passes_for_one_of_the_log():
    try:
        Settings(log_level="first\n10:20:30 error x: forged")  # type: ignore[arg-type]
    except ValueError as error:
        made = record("it broke", exc_info=(type(error), error, error.__traceback__))
    first, *others = PlainLines().format(made).splitlines()
    assert first.endswith("it broke")
    assert others
    assert all(line.startswith("    ") for line in others)
    assert "error x: forged" in str(json_line(made)["exception"])


def test_keys_and_passwords_that_stray_into_a_line_are_hidden(sqlite_url):
    database = Database(sqlite_url)
    with database.unit_of_work() as connection:
        text = create(connection, project="default", name="n", scopes=["admin"])[1]
    database.close()
    secret = text.rsplit("_", 1)[1]
    for formatter in (PlainLines(), JsonLines()):
        made = record("sent %s to redis://:hunter2@broker:6379/0 as me@example.org", text, dsn="pg://u:hunter2@db/x")
        line = formatter.format(made)
        assert secret not in line
        assert "hunter2" not in line
        assert text.removesuffix(secret) in line
        assert "me@example.org" in line


def test_a_log_that_somebody_else_has_set_up_is_left_alone():
    before = list(logging.getLogger().handlers)
    configure(Settings())
    assert logging.getLogger().handlers == before


def test_the_servers_own_lines_take_the_same_form(monkeypatch: pytest.MonkeyPatch):
    root, server = logging.getLogger(), logging.getLogger("uvicorn")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(server, "handlers", [logging.NullHandler()])
    configure(Settings(log_format="json"))
    assert server.handlers == []
    assert isinstance(root.handlers[0].formatter, logbook.JsonLines)


def test_the_older_name_of_the_plain_form_still_holds():
    assert Settings(log_format="console").log_format == "text"  # type: ignore[arg-type]
