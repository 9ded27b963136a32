"""Training, as a textbook has it: a spec and data in, weights and a result out. Knows no database, broker or HTTP.

    spec = parse({"data": {"dataset": "digits"}})
    result = train(spec, source, directory=Path("checkpoints"))

Read `loop.py` first.
"""

from worker.training.callbacks import Callback, Finding, Histograms, Order, Progress, SavedCheckpoint, SavedFile, Series
from worker.training.errors import CheckpointRefused, Diverged, OutOfMemory, TrainingError
from worker.training.result import Result
from worker.training.run import train

__all__ = [
    "Callback",
    "CheckpointRefused",
    "Diverged",
    "Finding",
    "Histograms",
    "Order",
    "OutOfMemory",
    "Progress",
    "Result",
    "SavedCheckpoint",
    "SavedFile",
    "Series",
    "TrainingError",
    "train",
]
