"""Runs Schemathesis against the application in this process, and says what was sent and what was found."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from fastapi import FastAPI
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure, ServerError
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.python import asgi
from schemathesis.schemas import BaseSchema

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
#: What a service without worker, broker or issuer truly says; documented like any other answer.
TRUE_OUTAGES = frozenset({503, 504})
PHASES = ("examples", "coverage", "fuzzing", "stateful")
#: Rounds until somebody has to look why a phase sends so little.
MOST_ROUNDS = 100


@dataclass
class Report:
    """What a run sent, by status of the answer and by operation, and every kind of finding once, with its request."""

    statuses: Counter[int] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)

    @property
    def num_cases(self) -> int:
        return self.statuses.total()

    def take(self, recorder: ScenarioRecorder) -> None:
        """Count what a scenario sent and keep what it found."""
        for case_id, interaction in recorder.interactions.items():
            case = recorder.cases[case_id].value
            self.operations[f"{case.operation.method.upper()} {case.operation.path}"] += 1
            self.statuses[0 if interaction.response is None else interaction.response.status_code] += 1
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    self._find(recorder, case_id, check.failure_info.failure)

    def _find(self, recorder: ScenarioRecorder, case_id: str, failure: Failure) -> None:
        case, response = recorder.cases[case_id].value, recorder.interactions[case_id].response
        if isinstance(failure, ServerError) and response is not None and response.status_code in TRUE_OUTAGES:
            return
        answer = "" if response is None else f"{response.status_code} {response.content[:300]!r}"
        sent = f"{case.method} {case.formatted_path} {case.query} {dict(case.headers)} {str(case.body)[:500]}"
        self.findings.setdefault(f"{recorder.label}: {failure.title}", f"{failure.message} | {sent} | {answer}")


def run(
    app: FastAPI,
    key: str,
    *,
    phases: tuple[str, ...],
    max_examples: int,
    at_least: int = 1,
    leave_out: str | None = None,
) -> Report:
    """Send what these phases make of the whole document, again with another seed until `at_least` cases were sent.

    A walk along the links ends as soon as Hypothesis sees that the service answered the same requests differently than
    before, which it may: what one walk makes is there in the next. Schemathesis takes that for the end of the phase
    and says nothing, after ten cases or a thousand. `leave_out` names an operation that coverage passes over.
    """
    guarded, report = _Guarded(app, key), Report()
    with asgi.get_client(guarded):
        # Whoever would wait for news is told at once that there is none: streams and long polls end by themselves.
        app.state.service.watcher.dismiss()
        for seed in range(1, MOST_ROUNDS + 1):
            schema = schemathesis.openapi.from_dict(
                _plain(app.openapi()), config=_config(key, phases, max_examples, leave_out, seed=seed)
            )
            schema.app = guarded
            _send(schema, report)
            if report.findings or report.num_cases >= at_least:
                break
    return report


def _send(schema: BaseSchema, report: Report) -> None:
    """One round of every phase that is switched on."""
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            report.take(event.recorder)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            error = event.value if isinstance(event, events.NonFatalError) else event.exception
            report.findings[f"{getattr(event, 'label', 'run')}: {type(error).__name__}"] = str(error)[:2000]


class _Guarded:
    """The application, but for requests that would take away the very key or project that all of them come with."""

    def __init__(self, app: FastAPI, key: str) -> None:
        self._app = app
        self._key_id = key.split("_")[1]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"} and self._is_own(scope["path"]):
            place = scope["path"].split("/")
            place[3] = "none"
            scope = {**scope, "path": "/".join(place), "raw_path": "/".join(place).encode()}
        await self._app(scope, receive, send)

    def _is_own(self, path: str) -> bool:
        kind, _, rest = path.removeprefix("/v1/").partition("/")
        return (kind == "keys" and self._key_id in rest.replace("-", "")) or (kind == "projects" and "default" in rest)


def end() -> None:
    """Stop the applications that ran."""
    asgi.shutdown_lifespans()


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(document)))


def _config(
    key: str, phases: tuple[str, ...], max_examples: int, leave_out: str | None, *, seed: int
) -> SchemathesisConfig:
    settings: dict[str, Any] = {
        "headers": {"Authorization": f"Bearer {key}", "Host": "localhost"},
        "seed": seed,
        "continue-on-failure": True,
        "max-failures": 1000,
        "generation": {
            "max-examples": max_examples,
            "database": "none",
            "no-shrink": True,
            "with-security-parameters": False,
        },
        "phases": {phase: {"enabled": phase in phases} for phase in PHASES},
        "checks": {"enabled": False, **{check: {"enabled": True} for check in CHECKS}},
    }
    if leave_out is not None:
        settings["operations"] = [{"include-name": leave_out, "phases": {"coverage": {"enabled": False}}}]
    return SchemathesisConfig.from_dict(settings)
