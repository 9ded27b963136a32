"""From a JSON document to a spec."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from models.errors import BadRequest, FieldError
from models.spec.job import JobSpec
from models.spec.mistakes import explain, invalid


def parse(document: bytes | Mapping[str, Any]) -> JobSpec:
    """The spec that a document describes.

    Raises BadRequest when the bytes are no JSON, and InvalidSpec with one FieldError per mistake otherwise.
    """
    sent = _read(document) if isinstance(document, bytes) else _copy(document)
    if not isinstance(sent, dict):
        raise invalid([FieldError("#", "must be an object")], opening="A job spec is a JSON object")
    try:
        return JobSpec.model_validate(sent)
    except ValidationError as error:
        raise explain(error, sent) from None


def _read(document: bytes) -> Any:
    try:
        return from_json(document, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"The body is not valid JSON: {error}") from None


def _copy(document: Mapping[str, Any]) -> Any:
    """The document as JSON would carry it, so that tuples, sets and NaN cannot slip in from Python."""
    try:
        return json.loads(json.dumps(document, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise invalid([FieldError("#", str(error))], opening="A job spec is plain JSON") from None
