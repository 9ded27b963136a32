"""Python client of Trainyard, a REST service that trains PyTorch networks from declarative job specs.

from trainyard import Client

with Client() as client:
    job = client.jobs.submit({"data": {"dataset": "digits"}}).wait().raise_for_status()
    print(job.result.test)
"""

from ._access_records import AuditLine, Project
from ._checkpoints import Checkpoint
from ._client import Client
from ._comparison import Comparison, Difference, LossParting
from ._datasets import Dataset
from ._diagnosis import Finding, Suggestion
from ._exceptions import (
    BadRequest,
    ConfigurationError,
    Conflict,
    DownloadCorrupt,
    FieldError,
    Forbidden,
    InvalidDataset,
    JobCancelled,
    JobError,
    JobFailed,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    RateLimited,
    ServerError,
    ServiceTimeout,
    ServiceUnreachable,
    StatusError,
    TrainyardError,
    Unauthorized,
    Unprocessable,
    WaitTimeout,
)
from ._job import Job
from ._metrics import Point
from ._predictions import Prediction, Predictions
from ._records import (
    Attempt,
    Baseline,
    Best,
    CheckpointFile,
    CheckpointRecord,
    DatasetRecord,
    Event,
    JobRecord,
    Key,
    MetricSummary,
    Progress,
    Queue,
    Reason,
    Reproduction,
    Result,
    Series,
    StepValue,
    Transition,
    Version,
    Worker,
)
from ._streams import Frame
from ._version import __version__
from ._webhook_records import Delivery, Webhook

__all__ = [
    "Attempt",
    "AuditLine",
    "BadRequest",
    "Baseline",
    "Best",
    "Checkpoint",
    "CheckpointFile",
    "CheckpointRecord",
    "Client",
    "Comparison",
    "ConfigurationError",
    "Conflict",
    "Dataset",
    "DatasetRecord",
    "Delivery",
    "Difference",
    "DownloadCorrupt",
    "Event",
    "FieldError",
    "Finding",
    "Forbidden",
    "Frame",
    "InvalidDataset",
    "Job",
    "JobCancelled",
    "JobError",
    "JobFailed",
    "JobRecord",
    "Key",
    "LossParting",
    "MetricSummary",
    "NotFound",
    "PayloadTooLarge",
    "Point",
    "PreconditionFailed",
    "Prediction",
    "Predictions",
    "Progress",
    "Project",
    "Queue",
    "RateLimited",
    "Reason",
    "Reproduction",
    "Result",
    "Series",
    "ServerError",
    "ServiceTimeout",
    "ServiceUnreachable",
    "StatusError",
    "StepValue",
    "Suggestion",
    "TrainyardError",
    "Transition",
    "Unauthorized",
    "Unprocessable",
    "Version",
    "WaitTimeout",
    "Webhook",
    "Worker",
    "__version__",
]
