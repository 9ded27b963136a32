"""What every command shares: the service it speaks to, how it prints, and what its exit status says."""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Annotated, Any, Concatenate, Final, ParamSpec, TextIO

import typer
from rich.console import Console, RenderableType

from trainyard import (
    Client,
    ConfigurationError,
    Forbidden,
    InvalidDataset,
    JobError,
    ServerError,
    ServiceUnreachable,
    StatusError,
    TrainyardError,
    Unauthorized,
    WaitTimeout,
)
from trainyard._documents import Document

#: Fewer than a program wants: a person who mistyped the address waits for the answer.
_MAX_RETRIES: Final = 3
_WIDTH_OF_FILES: Final = 200

Given = ParamSpec("Given")


class ExitCode(IntEnum):
    """What the exit status of every command means."""

    #: Done; a job that was waited for has succeeded.
    SUCCESS = 0
    #: The job that was waited for has failed or was cancelled.
    JOB_FAILED = 1
    #: Wrong usage, or the service refused the request: a mistake in the spec, an unknown id, a state that forbids it.
    BAD_INPUT = 2
    #: The service cannot be reached, or could not do what it should.
    NO_SERVICE = 3
    #: The key is missing, wrong, or lacks the scope.
    NOT_ALLOWED = 4
    #: `--timeout` ran out; the job goes on.
    TIMEOUT = 124
    #: Ctrl-C.
    INTERRUPTED = 130


@dataclass
class Session:
    """One run of one command."""

    url: str | None
    key: str | None
    as_json: bool
    output: Console = field(default_factory=lambda: _console(sys.stdout))
    errors: Console = field(default_factory=lambda: _console(sys.stderr))

    @cached_property
    def client(self) -> Client:
        """The client for the chosen service."""
        return Client(self.url, self.key, max_retries=_MAX_RETRIES)

    def show(self, document: Document | Mapping[str, Any], rendering: RenderableType) -> None:
        """Print one thing: the JSON as the service sent it, or the rendering for people."""
        if self.as_json:
            self.json(document)
        else:
            self.output.print(rendering)

    def show_all(self, documents: Iterable[Document], table: Callable[[list[Any]], RenderableType]) -> None:
        """Print a list: one JSON array, or a table."""
        listed = list(documents)
        if self.as_json:
            self.json([document.raw for document in listed])
        else:
            self.output.print(table(listed))

    def json(self, document: Any) -> None:
        """Print JSON on a line of its own."""
        raw = document.raw if isinstance(document, Document) else document
        sys.stdout.write(json.dumps(raw, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def say(self, words: str) -> None:
        """Tell a person something, beside the output that a program may read."""
        self.errors.print(words, soft_wrap=True)

    def refuse(self, error: TrainyardError) -> typer.Exit:
        """Report an error in one line (one more per wrong field) and give the exit that says which kind it was."""
        if self.as_json:
            self.errors.print(json.dumps(_problem(error)), soft_wrap=True, markup=False)
        else:
            self.errors.print("[red]error:[/]", end=" ")
            self.errors.print(str(error) + _hint(error), soft_wrap=True, markup=False)
        return typer.Exit(_exit_code(error))


_Url = Annotated[str | None, typer.Option("--url", help="Address of the service.", rich_help_panel="Service")]
_Key = Annotated[str | None, typer.Option("--key", help="API key.", rich_help_panel="Service")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.", rich_help_panel="Service")]
#: Longer names than the options, so that a command may have an argument called `key`.
_SHARED = {"service_url": (_Url, None), "service_key": (_Key, None), "as_json": (_Json, False)}


def command(
    app: typer.Typer, name: str | None = None
) -> Callable[[Callable[Concatenate[Session, Given], None]], Callable[Concatenate[Session, Given], None]]:
    """Register a command that takes a Session first; `--url`, `--key` and `--json` are added to its own options."""

    def register(function: Callable[Concatenate[Session, Given], None]) -> Callable[Concatenate[Session, Given], None]:
        app.command(name, help=inspect.getdoc(function))(_with_session(function))
        return function

    return register


def _with_session(function: Callable[..., None]) -> Callable[..., None]:
    def run(*, service_url: str | None, service_key: str | None, as_json: bool, **given: Any) -> None:
        session = Session(service_url, service_key, as_json)
        try:
            with session.client:
                function(session, **given)
        except TrainyardError as error:
            raise session.refuse(error) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise session.refuse(ConfigurationError(f"{error.filename}: {error.strerror}")) from error

    _, *own = inspect.signature(function, eval_str=True).parameters.values()
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _SHARED.items()
    ]
    parameters = [*(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own), *shared]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__name__ = function.__name__
    return run


def _console(stream: TextIO) -> Console:
    # A file or a pipe has no width to fold a table to.
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDTH_OF_FILES
    return Console(file=stream, width=width, highlight=False)


def _exit_code(error: TrainyardError) -> ExitCode:
    match error:
        case Unauthorized() | Forbidden():
            return ExitCode.NOT_ALLOWED
        case ServiceUnreachable() | ServerError():
            return ExitCode.NO_SERVICE
        case WaitTimeout():
            return ExitCode.TIMEOUT
        case JobError():
            return ExitCode.JOB_FAILED
        case _:
            return ExitCode.BAD_INPUT


def _hint(error: TrainyardError) -> str:
    match error:
        case Unauthorized():
            return " (give --key or set TRAINYARD_API_KEY)"
        case ServiceUnreachable():
            return " (is it running? give --url or set TRAINYARD_URL)"
        case ServerError(request_id=str(request_id)):
            return f" (request {request_id})"
        case _:
            return ""


def _problem(error: TrainyardError) -> dict[str, Any]:
    match error:
        case StatusError(problem=problem) if problem:
            return dict(problem)
        case StatusError() | JobError() | InvalidDataset():
            return {"code": error.code, "detail": str(error)}
        case ConfigurationError():
            return {"code": "bad_input", "detail": str(error)}
        case ServiceUnreachable():
            return {"code": "service_unreachable", "detail": str(error)}
        case _:
            return {"code": "error", "detail": str(error)}
