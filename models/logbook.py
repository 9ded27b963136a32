"""Where a process's own log goes: lines for people, or JSON for machines, on standard error."""

from __future__ import annotations

import logging
from typing import Final

import orjson

from models.clock import rfc3339
from models.settings import Settings

_OWN_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(settings: Settings) -> None:
    """Send the service's log to standard error, unless whoever runs the process has already decided."""
    logger = logging.getLogger("trainyard")
    logger.setLevel(settings.log_level.upper())
    if logger.hasHandlers():
        return
    logger.addHandler(handler(settings))


def handler(settings: Settings) -> logging.Handler:
    """Writes to standard error in the form that the settings ask for."""
    made = logging.StreamHandler()
    made.setFormatter(JsonLines() if settings.log_format == "json" else PlainLines())
    return made


class PlainLines(logging.Formatter):
    """`10:20:30 warning trainyard.api: message (request_id=…)`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, with a traceback behind it where there is one."""
        extras = ", ".join(f"{name}={value}" for name, value in _extras(record).items())
        line = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname.lower()} {record.name}: {record.getMessage()}"
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return line + (f" ({extras})" if extras else "") + trace


class JsonLines(logging.Formatter):
    """One JSON object a line, whatever the message holds."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        fields = {
            "at": rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(fields, default=str).decode()


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
