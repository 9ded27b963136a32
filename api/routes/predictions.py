"""Predictions: rows go to a worker, which asks the network of a checkpoint; the request waits and holds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api import schemas
from api.answering import answered
from api.answers import answers, body
from api.authentication import JobsRead
from api.bodies import RowsBody, validated
from api.replies import json_response
from api.service import Service, ServiceDep
from models import checkpoints, jobs, predictions
from models.checkpoints import Checkpoint
from models.database import Connection
from models.errors import Conflict, FieldError, TimedOut, TrainyardError, Unavailable, Unprocessable

router = APIRouter(tags=["predictions"])

_EXAMPLE: Final = {"rows": [{"age": 39, "workclass": "Private"}], "checkpoint": "best"}
_ERRORS: Final[Mapping[int, type[TrainyardError]]] = {409: Conflict, 422: Unprocessable, 504: TimedOut}


@router.post(
    "/v1/jobs/{job_id}/predict",
    responses=answers(schemas.Predictions, 404, 409, 413, 415, 504),
    openapi_extra=body("PredictRequest", example=_EXAMPLE),
)
async def predict_rows(job_id: str, service: ServiceDep, principal: JobsRead, document: RowsBody) -> Response:
    """Predict new rows by the network and the preprocessing of a checkpoint.

    A row is an object: of a table its columns by name, `{"image": …}` with a file in base64 or nested lists of pixels,
    `{"text": …}`, or `{"series": [[…], …]}` with one list of values per step. Columns that a row leaves out are
    missing values; fields that the network does not read, such as the target, are ignored. Both are counted.
    """
    asked = await run_in_threadpool(validated, schemas.PredictRequest, document)
    question_id, checkpoint = await run_in_threadpool(_ask, service, principal.project, job_id, asked)
    found = await _answered(service, question_id)
    return await run_in_threadpool(_response, found, checkpoint)


def _ask(service: Service, project: str, job_id: str, asked: schemas.PredictRequest) -> tuple[str, Checkpoint]:
    """Leave the question and tell the workers of it; its id, and the checkpoint that is asked."""
    with service.database.reading() as connection:
        pool = jobs.pool_of(connection, project=project, job_id=job_id)
        checkpoint = _checkpoint(connection, job_id=job_id, ref=asked.checkpoint)
    text = orjson.dumps({"rows": asked.rows, "num_probabilities": asked.top}).decode()
    with service.database.unit_of_work() as connection:
        question_id = predictions.ask(
            connection,
            job_id=job_id,
            pool=pool,
            checkpoint=checkpoint,
            text=text,
            timeout_seconds=service.settings.predict_seconds,
        )
    service.doorbell.nudge(predictions.nudge(pool))
    return question_id, checkpoint


def _checkpoint(connection: Connection, *, job_id: str, ref: str) -> Checkpoint:
    if not checkpoints.listing(connection, job_id=job_id):
        raise Conflict("The job has no checkpoint yet; its first one can be asked.", code="no_checkpoint")
    return checkpoints.find(connection, job_id=job_id, ref=ref)


async def _answered(service: Service, question_id: str) -> dict[str, Any]:
    """The answer, once a worker has given it. Raises what the worker says, and Unavailable when the time is up."""

    def look() -> Any | None:
        with service.database.reading() as connection:
            return predictions.answer_to(connection, question_id=question_id)

    detail = "No worker has answered in time; ask again, with fewer rows if there were many."
    late = TimedOut(detail, code="prediction_timeout")
    found = await answered(service.answers, question_id, look, seconds=service.settings.predict_seconds, late=late)
    if "problem" in found:
        raise _error(found["problem"])
    return found


def _error(problem: Mapping[str, Any]) -> TrainyardError:
    """The error that the worker tells of."""
    errors = [FieldError(**mistake) for mistake in problem.get("errors", ())]
    kind = _ERRORS.get(problem["status"], Unavailable)
    return kind(problem["detail"], code=problem["code"], errors=errors, headers=problem.get("headers"))


def _response(found: Mapping[str, Any], checkpoint: Checkpoint) -> Response:
    return json_response({"checkpoint": {"id": checkpoint.id, "step": checkpoint.step}, **found})
