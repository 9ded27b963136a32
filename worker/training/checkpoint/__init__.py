"""Checkpoints: what a run saves, how it is made durable, when, and how it is trusted again. No pickle anywhere."""

from worker.training.checkpoint.background import Background
from worker.training.checkpoint.due import Due
from worker.training.checkpoint.reading import PREDICTING, check_identity, described, latest_good, load, not_finite
from worker.training.checkpoint.snapshot import Snapshot, Tensors
from worker.training.checkpoint.writing import save

__all__ = [
    "PREDICTING",
    "Background",
    "Due",
    "Snapshot",
    "Tensors",
    "check_identity",
    "described",
    "latest_good",
    "load",
    "not_finite",
    "save",
]
