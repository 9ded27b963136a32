"""What every route is asked in the access matrix: one entry per operation, by its name.

Paths are filled from the things that the project of the matrix has. `own` are the statuses that the project itself may
get (a 409 tells of the thing's state, so it was found); `foreign` is what another project gets: 404, or `NOTHING` where
it gets an answer in which nothing of the first project stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tests.api.steps import SPEC

NOTHING = "nothing"


@dataclass(frozen=True)
class Entry:
    """One request that would succeed, and what it means to somebody else."""

    own: tuple[int, ...] = (200,)
    foreign: int | str = 404
    fill: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    query: str = ""
    json: Any = None
    content: bytes | None = None


WEBHOOK = {"url": "https://hooks.invalid/x"}
KEY = {"name": "made", "scopes": ["jobs:read"]}
DATASET = {"name": "made", "format": "csv", "bytes": 8}

#: In the order in which the project itself asks: what deletes comes last.
ENTRIES: Mapping[str, Entry] = {
    "create_job": Entry((201,), NOTHING, json=SPEC),
    "list_jobs": Entry(foreign=NOTHING),
    "get_job": Entry(),
    "compare_jobs": Entry(query="?ids={job_id},{other_job_id}"),
    "update_job": Entry(json={"name": "renamed"}),
    "list_events": Entry(),
    "list_metrics": Entry(),
    "get_metric": Entry(fill={"name": "train/loss"}),
    "download_event_file": Entry(),
    "get_log": Entry(),
    "list_checkpoints": Entry(),
    "get_checkpoint": Entry(fill={"ref": "best"}),
    "download_checkpoint_file": Entry(fill={"ref": "best", "name": "weights.safetensors"}),
    "get_diagnosis": Entry(),
    "predict_rows": Entry((504,), json={"rows": [{"a": 1}]}),
    "fork_job": Entry((201,)),
    "reproduce_job": Entry((201,)),
    "pause_job": Entry((202,), fill={"job_id": "{waiting_job_id}"}),
    "resume_job": Entry((202,), fill={"job_id": "{waiting_job_id}"}),
    "stop_job": Entry((409,), fill={"job_id": "{waiting_job_id}"}),
    "cancel_job": Entry((202,), fill={"job_id": "{waiting_job_id}"}),
    "retry_job": Entry((202,), fill={"job_id": "{waiting_job_id}"}),
    "declare_dataset": Entry((201,), NOTHING, json=DATASET),
    "list_datasets": Entry(foreign=NOTHING),
    "get_dataset": Entry(),
    "upload_content": Entry((202,), content=b"a,b\n1,2\n"),
    "create_webhook": Entry((201,), NOTHING, json=WEBHOOK),
    "list_webhooks": Entry(foreign=NOTHING),
    "get_webhook": Entry(),
    "update_webhook": Entry(json={"description": "new"}),
    "rotate_webhook_secret": Entry(),
    "send_test_event": Entry((202,)),
    "list_deliveries": Entry(),
    "redeliver_event": Entry((202, 409)),
    "create_key": Entry((201,), NOTHING, json=KEY),
    "list_keys": Entry(foreign=NOTHING),
    "rotate_key": Entry(json={"grace_seconds": 60}),
    "list_audit": Entry(foreign=NOTHING),
    "get_project": Entry(),
    "create_project": Entry((201,), 403, json={"name": "made"}),
    "list_projects": Entry(foreign=403),
    "update_project": Entry(foreign=403, json={"quotas": {"queued_jobs": 100}}),
    "close_project": Entry((409,), 403),
    "open_project": Entry(foreign=403),
    "list_workers": Entry(foreign=NOTHING),
    "drain_worker": Entry((202,), 403),
    "get_catalogue": Entry(foreign=NOTHING),
    "scrape_metrics": Entry(foreign=NOTHING),
    "get_openapi": Entry(foreign=NOTHING),
    "get_documentation": Entry(foreign=NOTHING),
    "delete_webhook": Entry((204,)),
    "revoke_key": Entry(),
    "delete_job": Entry((204,)),
    "delete_dataset": Entry((204,)),
}
