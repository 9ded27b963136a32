"""The whole spec: one declarative document that says what to train."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from models.spec.augmentation import AnyAugmentation
from models.spec.base import Section
from models.spec.checkpoints import Checkpoints
from models.spec.cleaning import Cleaning
from models.spec.data import Data
from models.spec.diagnosis import Diagnosis
from models.spec.early_stopping import EarlyStopping
from models.spec.evaluation import Evaluation
from models.spec.loss import AutoLoss, Loss
from models.spec.network import AutoNetwork, Network
from models.spec.optimizer import AdamW, Optimizer
from models.spec.origin import InitFrom
from models.spec.preprocessing import Preprocessing
from models.spec.regularization import Regularization
from models.spec.resources import Resources, Retries
from models.spec.schedule import AnySchedule, Cosine
from models.spec.tracking import Tracking
from models.spec.training import Training
from models.spec.units import Duration

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _no_control_characters(text: str) -> str:
    if _CONTROL_CHARACTERS.search(text):
        raise ValueError("control characters are not allowed")
    return text


Name = Annotated[str, Field(max_length=200), AfterValidator(_no_control_characters)]
LabelKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,63}$")]
LabelValue = Annotated[str, Field(max_length=256), AfterValidator(_no_control_characters)]


class JobSpec(Section):
    """What to train, on what, how and where. Only `data` is required; every other section has defaults."""

    name: Name | None = Field(None, description="A name for people.")
    task: Literal["auto", "classification", "regression", "forecasting"] = Field(
        "auto", description="What is predicted: a class, a number, or the next values of a series; auto by the target."
    )
    data: Data = Field(description="Which dataset, what to predict and from what.")
    cleaning: Cleaning = Field(Cleaning(), description="What is put right in the rows before they are split.")
    preprocessing: Preprocessing = Field(Preprocessing(), description="How raw values become tensors.")
    augmentation: AnyAugmentation = Field(
        "auto",
        description="What is done to training batches, in this order; auto is a random crop for images of 16 pixels or "
        "more, else nothing, and null is nothing.",
    )
    network: Network = Field(AutoNetwork(), description="The shape of what is trained.")
    loss: Loss = Field(AutoLoss(), description="What training makes small.")
    optimizer: Optimizer = Field(AdamW(), description="How a gradient becomes a step.")
    schedule: AnySchedule = Field(
        Cosine(), description="The learning rate as a function of the step; null for constant."
    )
    regularization: Regularization = Field(
        Regularization(), description="Penalties and gradient clipping; null for none."
    )
    training: Training = Field(Training(), description="How long, in what portions and in which precision.")
    early_stopping: EarlyStopping | None = Field(EarlyStopping(), description="When to stop early; null for never.")
    checkpoints: Checkpoints = Field(
        Checkpoints(), description="How often the run is made durable, and how much is kept."
    )
    evaluation: Evaluation = Field(Evaluation(), description="What is measured, and what it is compared with.")
    diagnosis: Diagnosis = Field(Diagnosis(), description="What the run is watched for; null for nothing.")
    tracking: Tracking = Field(Tracking(), description="What is kept of the run beyond its metrics, and who is told.")
    resources: Resources = Field(Resources(), description="Which workers may take the job, and on which device.")
    priority: Annotated[int, Field(ge=-1000, le=1000)] = Field(0, description="Higher goes first within a pool.")
    max_runtime: Duration | None = Field(
        None, description="Longest time an attempt may run before it fails; null for no limit."
    )
    retries: Retries = Field(Retries(), description="How often a failed job is tried again.")
    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] = Field(42, description="All randomness is a function of it.")
    deterministic: bool = Field(default=True, description="Use only algorithms that give the same bits every time.")
    init_from: InitFrom | None = Field(None, description="Weights to begin with; null for random ones.")
    labels: Annotated[dict[LabelKey, LabelValue], Field(max_length=64)] = Field(
        {}, description="Names and values to find jobs by."
    )
