"""What a test compares trackers with: the series in the database."""

from typing import Any

from models import metrics
from tests.worker.yard import Yard

#: Step and value by metric.
Curves = dict[str, list[tuple[int, float]]]


def curves(yard: Yard, job_id: str) -> Curves:
    """Every series of a job as the database has it."""
    with yard.database.reading() as connection:
        names = [summary.name for summary in metrics.names(connection, job_id=job_id)]
        found = {name: metrics.series(connection, job_id=job_id, name=name) for name in names}
    return {
        name: list(zip(points.steps.tolist(), points.values.tolist(), strict=True)) for name, points in found.items()
    }


def warnings(yard: Yard, job_id: str) -> dict[str, str]:
    """The job's warnings by code."""
    return {str(warning["code"]): str(warning["message"]) for warning in yard.job(job_id).warnings}


def is_fed(yard: Yard) -> Any:
    """Whether no feeder is at work any more."""
    return all(feeder.join(0) for feeders in yard.trackers._feeders.values() for feeder in feeders)
