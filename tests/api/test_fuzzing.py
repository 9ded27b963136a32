"""Requests that nobody would write, made from the interface's own description: each is answered as documented."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.main import create_app
from models.database import Database
from models.migrations import migrate
from models.settings import Settings
from tests.api.conftest import Server, make_key, serving
from tests.api.steps import submit

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

_document = create_app(Settings()).openapi()
# Where nothing can be sent, nothing wrong can be sent.
_PLAIN = [path for path, methods in _document["paths"].items() if "'parameters'" not in str(methods)]
schema = schemathesis.openapi.from_dict(_document).exclude(path=_PLAIN)
schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One service for all requests, so that what one leaves behind meets the next."""
    folder: Path = tmp_path_factory.mktemp("fuzzed")
    configured = Settings(data_dir=folder, broker_url="redis://127.0.0.1:9/0")
    database = Database(configured.database)
    migrate(database)
    with serving(create_app(configured)) as (url, app):
        yield Server(url, make_key(database, "admin"), database, app)
    database.close()


@pytest.fixture(scope="module")
def job_id(shared: Server) -> str:
    """A job that is there, for requests that would otherwise all end at the door."""
    with shared.client() as client:
        return str(submit(client)["id"])


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # the service's own threads draw numbers too
@schema.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_is_answered_as_documented(case: Case, shared: Server, job_id: str):
    if case.path_parameters and case.path_parameters.get("job_id") is not None:
        case.path_parameters["job_id"] = job_id
    case.headers.pop("Prefer", None)  # a wait of a minute is an answer too, but not one to wait for
    case.call_and_validate(base_url=shared.url, headers=shared.headers, checks=CHECKS, timeout=20)
