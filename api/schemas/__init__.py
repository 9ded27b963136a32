"""The shapes that the service answers with. They document; the tests hold every answer against them.

Requests are checked by the domain itself (a job spec is `models.spec.JobSpec`). Stored documents are passed through
as they are, so these models validate nothing at run time.
"""

from __future__ import annotations

from api.schemas.common import FieldMistake, Problem, Reason, Shape
from api.schemas.datasets import Dataset, DatasetDeclaration, DatasetPage
from api.schemas.jobs import (
    Attempt,
    DryRun,
    Event,
    EventPage,
    Job,
    JobChanges,
    JobPage,
    JobSummary,
    Progress,
    Queue,
    RetryRequest,
    Transition,
)
from api.schemas.keys import Key, KeyPage, KeyRequest, NewKey
from api.schemas.predictions import PredictedBy, Prediction, Predictions, PredictRequest
from api.schemas.results import Checkpoint, CheckpointList, File, MetricName, MetricNames, Point, Series
from api.schemas.surroundings import (
    Catalogue,
    CatalogueEntry,
    CatalogueField,
    CatalogueSample,
    Health,
    Readiness,
    Version,
    Worker,
    WorkerList,
)
from api.schemas.webhooks import (
    Delivery,
    DeliveryPage,
    NewWebhook,
    Webhook,
    WebhookChanges,
    WebhookMessage,
    WebhookPage,
    WebhookRequest,
)

__all__ = [
    "Attempt",
    "Catalogue",
    "CatalogueEntry",
    "CatalogueField",
    "CatalogueSample",
    "Checkpoint",
    "CheckpointList",
    "Dataset",
    "DatasetDeclaration",
    "DatasetPage",
    "Delivery",
    "DeliveryPage",
    "DryRun",
    "Event",
    "EventPage",
    "FieldMistake",
    "File",
    "Health",
    "Job",
    "JobChanges",
    "JobPage",
    "JobSummary",
    "Key",
    "KeyPage",
    "KeyRequest",
    "MetricName",
    "MetricNames",
    "NewKey",
    "NewWebhook",
    "Point",
    "PredictRequest",
    "PredictedBy",
    "Prediction",
    "Predictions",
    "Problem",
    "Progress",
    "Queue",
    "Readiness",
    "Reason",
    "RetryRequest",
    "Series",
    "Shape",
    "Transition",
    "Version",
    "Webhook",
    "WebhookChanges",
    "WebhookMessage",
    "WebhookPage",
    "WebhookRequest",
    "Worker",
    "WorkerList",
]
