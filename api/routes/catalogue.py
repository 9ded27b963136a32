"""What a spec may name: networks, losses, optimizers, schedules, formats, samples, with their fields and defaults."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import Any

from fastapi import APIRouter
from pydantic_core import PydanticUndefined, to_jsonable_python
from starlette.responses import Response

from api import schemas
from api.answers import answers
from api.authentication import JobsRead
from api.replies import json_response
from models import spec
from models.formats import FORMATS
from models.formats.options import Options
from models.samples import SAMPLES

router = APIRouter(tags=["catalogue"])


@router.get("/v1/catalogue", responses=answers(schemas.Catalogue))
def get_catalogue(_: JobsRead) -> Response:
    """Everything that this service can train with, and on."""
    return json_response(_catalogue())


@lru_cache(maxsize=1)
def _catalogue() -> dict[str, Any]:
    offered: dict[str, Any] = {
        plural: [asdict(entry) for entry in entries] for plural, entries in spec.catalogue().items()
    }
    offered["formats"] = [
        {"type": entry.name, "description": entry.description, "fields": _fields(entry.options)}
        for entry in FORMATS.values()
    ]
    offered["samples"] = [
        {
            "name": sample.name,
            "description": sample.description,
            "task": sample.task,
            "target": sample.target,
            "rows": sample.profile.rows,
            "kind": sample.profile.kind,
            "licence": sample.licence,
            "source_url": sample.source_url,
        }
        for sample in SAMPLES.values()
    ]
    return offered


def _fields(options: type[Options]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "description": info.description or "",
            "default": None if info.default is PydanticUndefined else to_jsonable_python(info.default),
            "required": info.is_required(),
        }
        for name, info in options.model_fields.items()
    ]
