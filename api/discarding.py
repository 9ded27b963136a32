"""Deleting artifacts behind a commit that has made them nobody's. Where the store is away, a sweep does it later."""

from __future__ import annotations

import logging

from api.service import Service
from models import datasets
from models.errors import Unavailable

_logger = logging.getLogger("trainyard.artifacts")


def discard(service: Service, key: str) -> None:
    """Delete files that no row names any more."""
    try:
        service.artifacts.delete(key)
    except Unavailable as error:
        _logger.warning("%s is left to the sweep: %s", key, error.detail)


def discard_content(service: Service, location: str) -> None:
    """Delete the content of datasets that are gone, unless a new one has the same."""
    try:
        with service.database.unit_of_work() as connection:
            datasets.discard(connection, location=location, delete=service.artifacts.delete)
    except Unavailable as error:
        _logger.warning("%s is left to the sweep: %s", location, error.detail)
