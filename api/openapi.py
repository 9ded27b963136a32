"""The service's own description, OpenAPI 3.1: `python -m api.openapi` prints it, `docs/openapi.json` is a copy under
test.
"""

from __future__ import annotations

import sys
from copy import deepcopy
from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from pydantic.json_schema import models_json_schema

from api import examples, schemas
from api.answers import problem
from api.authentication import PUBLIC_PATHS, declared_scopes
from models.settings import Settings
from models.spec import JobSpec

_DESCRIPTION: Final = """\
Trains PyTorch networks from declarative job specs.

Every request but those for health and version carries `Authorization: Bearer <key>`. Errors are
`application/problem+json` (RFC 9457) with a stable `code`. Lists are newest first; `next_cursor` leads to the next
page. Times are RFC 3339 in UTC.
"""

#: Bodies that the service reads by itself, so that the framework does not know of them.
_BODIES: Final = (
    (schemas.JobChanges, "validation"),
    (schemas.RetryRequest, "validation"),
    (schemas.PredictRequest, "validation"),
    (schemas.ForkRequest, "validation"),
    (schemas.DatasetDeclaration, "validation"),
    (schemas.KeyRequest, "validation"),
    (schemas.RotationRequest, "validation"),
    (schemas.ProjectRequest, "validation"),
    (schemas.ProjectChanges, "validation"),
    (schemas.WebhookRequest, "validation"),
    (schemas.WebhookChanges, "validation"),
    (schemas.Problem, "serialization"),
    (schemas.WebhookMessage, "serialization"),
)
#: What the service sends to the endpoints under `/v1/webhooks`.
_JOB_EVENT: Final[dict[str, Any]] = {
    "operationId": "job_event",
    "summary": "Job event",
    "description": "An event of a job, signed as Standard Webhooks describes.",
    "tags": ["webhooks"],
    "security": [],
    "parameters": [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": description}
        for name, description in (
            ("webhook-id", "The event's id, the same at every attempt."),
            ("webhook-timestamp", "Seconds since the epoch of this attempt."),
            ("webhook-signature", "`v1,` and the HMAC-SHA256 of id, timestamp and body in base64, once per secret."),
        )
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/WebhookMessage"}}},
    },
    "responses": {
        "2XX": {"description": "The event has arrived."},
        "410": {"description": "The endpoint is gone: it is disabled."},
        "default": {"description": "It is sent again later; `Retry-After` says how much later at least."},
    },
}
#: What makes a thing that other operations take in their paths, and where its answer names it.
_MAKERS: Final = {
    "create_job": ("job_id", "/id"),
    "fork_job": ("job_id", "/id"),
    "reproduce_job": ("job_id", "/id"),
    "declare_dataset": ("dataset_id", "/id"),
    "create_key": ("key_id", "/id"),
    "create_webhook": ("webhook_id", "/id"),
    "list_jobs": ("job_id", "/data/0/id"),
    "list_datasets": ("dataset_id", "/data/0/id"),
    "list_workers": ("worker_id", "/data/0/id"),
}
#: What stands in the paths.
_PLACES: Final = {
    "job_id": "A job's id, `job_…`.",
    "dataset_id": "A dataset's id, `ds_…`.",
    "key_id": "A key's id, `key_…`; not its text.",
    "webhook_id": "An endpoint's id, `wh_…`.",
    "event_id": "An event's id, `evt_…`, as `webhook-id` has it.",
    "worker_id": "A worker's id, `wrk_…`.",
    "project": "A project's name.",
}
_REFERENCES: Final = "#/components/schemas/{model}"


def document(app: FastAPI) -> dict[str, Any]:
    """The description of every route."""
    described = get_openapi(
        title=app.title,
        version=app.version,
        description=_DESCRIPTION,
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    _, definitions = models_json_schema(list(_BODIES), ref_template=_REFERENCES)
    components = described["components"]
    components["schemas"] = dict(sorted({**components["schemas"], **definitions["$defs"], **_spec_schemas()}.items()))
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    for route in iter_route_contexts(app.routes):
        if getattr(route, "include_in_schema", False) and route.path_format in described["paths"]:
            for method in route.methods or ():
                _complete(described["paths"][route.path_format][method.lower()], route)
    _link(described["paths"])
    described["webhooks"] = {"jobEvent": {"post": deepcopy(_JOB_EVENT)}}
    examples.add(described)
    return described


def _link(paths: dict[str, Any]) -> None:
    """Say which operations go on from what another one has made, so that clients and tests can walk along."""
    operations = [operation for methods in paths.values() for operation in methods.values()]
    for operation in operations:
        name, pointer = _MAKERS.get(operation["operationId"], ("", ""))
        links = {
            f"{operation['operationId']}_to_{follower['operationId']}": {
                "operationId": follower["operationId"],
                "parameters": {name: f"$response.body#{pointer}"},
            }
            for follower in operations
            if name and _in_path(follower) == {name}
        }
        if links:
            good = next(status for status in ("201", "200") if status in operation["responses"])
            operation["responses"][good]["links"] = links


def _in_path(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"}


def _spec_schemas() -> dict[str, Any]:
    """The job spec and its sections, named apart from the shapes of answers."""
    schema = JobSpec.model_json_schema(ref_template="#/components/schemas/Spec{model}")
    sections = schema.pop("$defs")
    return {"JobSpec": schema, **{f"Spec{name}": section for name, section in sections.items()}}


def _complete(operation: dict[str, Any], route: Any) -> None:
    """Say who may call it and on what, and leave out the answers of the framework that ours stand in for."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and parameter["name"] in _PLACES:
            parameter.setdefault("description", _PLACES[parameter["name"]])
    if route.path in PUBLIC_PATHS:
        operation["security"] = []
        operation["responses"].pop("422", None)
        return
    scopes = sorted(declared_scopes(route.dependant))
    operation["security"] = [{"key": scopes}]
    operation["description"] = f"{operation.get('description', '')}\n\nScope: `{', '.join(scopes)}`.".strip()
    operation["responses"]["422"] = problem(422)


def main() -> None:
    """Print the document."""
    from api.main import create_app

    app = create_app(Settings())
    sys.stdout.buffer.write(orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    main()
