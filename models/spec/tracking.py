"""`tracking`: what is kept of a run beyond its metrics, and which trackers are told of it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from models.addresses import web_address
from models.spec.base import Section

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
SQLITE = "sqlite:///"


def _tracking_uri(text: str) -> str:
    if not text.startswith("sqlite:"):
        return web_address(text)
    if not text.startswith(SQLITE) or not _NAME.fullmatch(text.removeprefix(SQLITE)):
        raise ValueError('a database is written "sqlite:///name.db", without a folder: the operator chooses that')
    return text


WebAddress = Annotated[str, Field(max_length=500), AfterValidator(web_address)]
TrackingUri = Annotated[str, Field(max_length=500), AfterValidator(_tracking_uri)]
TrackerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$")]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Wandb(Section):
    """Weights & Biases. Its key is `WANDB_API_KEY` of the worker and never part of a spec."""

    project: TrackerName = Field(description="The W&B project.")
    entity: TrackerName | None = Field(None, description="The W&B user or team; null for the key's own.")
    mode: Literal["online", "offline"] = Field(
        "online", description="offline writes a run folder beside the job's checkpoints, for `wandb sync`."
    )
    base_url: WebAddress = Field(
        "https://api.wandb.ai", description="The W&B server; `TRAINYARD_TRACKING_DESTINATIONS` must allow it."
    )


class Mlflow(Section):
    """MLflow. Its credentials are `MLFLOW_TRACKING_…` of the worker and never part of a spec."""

    tracking_uri: TrackingUri = Field(
        description='The server, or "sqlite:///name.db"; `TRAINYARD_TRACKING_DESTINATIONS` must allow it.'
    )
    experiment: Title = Field("trainyard", description="The experiment that the run belongs to; made where missing.")


class Tracking(Section):
    """What is kept of a run beyond its metrics, and who is told. TensorBoard reads every job:
    `GET /v1/jobs/{id}/tensorboard`.
    """

    histograms: bool = Field(
        default=True,
        description="Histograms of weights and gradients, layer by layer, at the end of up to 16 epochs.",
    )
    wandb: Wandb | None = Field(None, description="Tell Weights & Biases.")
    mlflow: Mlflow | None = Field(None, description="Tell MLflow.")
