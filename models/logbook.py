"""Where a process's own log goes: lines for people, or JSON for machines, on standard error.

What a line is about (a request, a job, an attempt, a trace) is not passed along by hand: `about` says it once, and
every line written inside carries it, from whatever module it comes. Nothing in a message can forge a line of its own,
and no key or password that strays into one is written.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

import orjson

from models.clock import rfc3339
from models.settings import Settings

_OWN_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
#: Libraries that hand records to Uvicorn's own handlers, unless these are taken away.
_SERVERS: Final = ("uvicorn", "uvicorn.error", "uvicorn.access")
_SECRETS: Final = re.compile(r"(ty_[0-9A-Za-z-]+_)[0-9A-Za-z]+|((?:://)[^\s/@:'\"]*:)[^\s/@'\"]+(?=@)")
#: What ends or hides a line on some terminal or in some log collector.
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_about: ContextVar[Mapping[str, object]] = ContextVar("trainyard-log", default=MappingProxyType({}))


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Have every line that is written inside carry these fields; those that are None are left out.

    A thread that is started inside does not inherit them unless it is run in a copy of the context.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    token = _about.set({**_about.get(), **known})
    try:
        yield
    finally:
        _about.reset(token)


def configure(settings: Settings) -> None:
    """Send this process's log to standard error, unless whoever runs the process has already decided.

    Lines of other libraries are written from `warning` on: some tell of every request they make.
    """
    root, ours = logging.getLogger(), logging.getLogger("trainyard")
    ours.setLevel(settings.log_level.upper())
    if root.hasHandlers():
        return
    root.addHandler(handler(settings))
    for name in _SERVERS:
        server = logging.getLogger(name)
        server.handlers.clear()
        server.propagate = True


def handler(settings: Settings) -> logging.Handler:
    """Writes to standard error in the form that the settings ask for."""
    made = logging.StreamHandler(sys.stderr)
    made.setFormatter(JsonLines() if settings.log_format == "json" else PlainLines())
    return made


class PlainLines(logging.Formatter):
    """`10:20:30 warning trainyard.api: message (request_id=…)`, and a traceback indented below it."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, however many its message has."""
        extras = ", ".join(f"{name}={value}" for name, value in _extras(record).items())
        line = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname.lower()} {record.name}: {record.getMessage()}"
        line = _visible(line + (f" ({extras})" if extras else ""))
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        return "\n    ".join([_without_secrets(line), *map(_visible, _without_secrets(trace).splitlines())])


class JsonLines(logging.Formatter):
    """One JSON object a line, whatever the message holds."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON: time, level, logger, message, then what the line is about."""
        fields = {
            "time": rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _without_secrets(orjson.dumps(fields, default=str, option=orjson.OPT_NON_STR_KEYS).decode())


def _extras(record: logging.LogRecord) -> dict[str, object]:
    own = {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
    return {**_about.get(), **own}


def _visible(line: str) -> str:
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], line)


def _without_secrets(text: str) -> str:
    if "ty_" not in text and "@" not in text:
        return text
    return _SECRETS.sub(lambda found: f"{found[1] or found[2]}[hidden]", text)
