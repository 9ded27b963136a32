"""Requests that nobody would write, made from the interface's own description: each is answered as documented.

Schemathesis runs all its phases over the whole document: the examples, every boundary of every schema, random requests
both valid and not, and walks along the links from what one request made to what others do with it.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from api.main import create_app
from models.database import Database
from models.settings import Settings
from tests.api import fuzzing
from tests.api.conftest import make_key
from tests.models.steps import submit

pytestmark = [
    pytest.mark.timeout(3600),
    # The service's own threads draw numbers too, and what is generated may be no header of Python's own making.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture
def target(sqlite_url: str, tmp_path: Path) -> Iterator[tuple[FastAPI, str]]:
    """An application that is only reached in this process, with a job in it, and a key that may do everything."""
    settings = Settings(
        data_dir=tmp_path,
        database_url=sqlite_url,
        broker_url="redis://127.0.0.1:9/0",
        predict_seconds=0.05,
        log_level="error",
    )
    database = Database(settings.database)
    submit(database)
    key = make_key(database, "admin")
    database.close()
    yield create_app(settings), key
    fuzzing.end()


def _is_sound(report: fuzzing.Report, *, at_least: int) -> None:
    """Nothing was found, in enough cases, of which enough were let in."""
    assert report.findings == {}, "\n".join(f"{name}\n    {text}" for name, text in report.findings.items())
    assert not [
        status for status in report.statuses if status == 0 or (status >= 500 and status not in fuzzing.TRUE_OUTAGES)
    ]
    assert report.num_cases >= at_least, report.statuses
    assert report.statuses[401] < report.num_cases // 10, "the key was lost on the way"
    assert sum(number for status, number in report.statuses.items() if 200 <= status < 300) >= 5, report.statuses


@pytest.mark.parametrize(
    ("phases", "max_examples", "at_least"),
    [(("examples", "coverage"), 1, 1050), (("fuzzing",), 47, 1950), (("stateful",), 40, 300)],
    ids=["coverage", "fuzzing", "stateful"],
)
def test_whatever_is_sent_is_answered_as_documented(
    target: tuple[FastAPI, str], phases: tuple[str, ...], max_examples: int, at_least: int
):
    app, key = target
    report = fuzzing.run(
        app, key, phases=phases, max_examples=max_examples, at_least=at_least, leave_out="POST /v1/jobs"
    )
    _is_sound(report, at_least=at_least)
    if "stateful" not in phases:
        declared = {
            f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods
        }
        assert set(report.operations) >= declared - {"POST /v1/jobs"}


def test_the_short_form_has_three_thousand_cases():
    marks = test_whatever_is_sent_is_answered_as_documented.pytestmark
    cases = next(mark for mark in marks if mark.name == "parametrize").args[1]
    assert math.fsum(at_least for _, _, at_least in cases) >= 3000


@pytest.mark.nightly
def test_twenty_thousand_requests_are_answered_as_documented(target: tuple[FastAPI, str]):
    app, key = target
    report = fuzzing.run(app, key, phases=fuzzing.PHASES, max_examples=340)
    _is_sound(report, at_least=20_000)
