"""What a job answers with: scores, comparison with simple predictors, cost, and which weights they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from worker.training import baselines, system
from worker.training.callbacks import SavedCheckpoint
from worker.training.early_stopping import SMALLER_IS_BETTER
from worker.training.evaluation import outputs_of, per_class
from worker.training.loop import Ending
from worker.training.recorder import finite
from worker.training.rows import Rows
from worker.training.session import Session

Outcome = Literal["succeeded", "cancelled", "paused", "drained"]

OUTCOMES: Mapping[Ending, Outcome] = {
    Ending.CANCELLED: "cancelled",
    Ending.PAUSED: "paused",
    Ending.DRAINED: "drained",
}

#: The metric that decides whether a network beats a simple predictor.
DECISIVE = {"classification": "accuracy", "regression": "rmse", "forecasting": "rmse"}


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended. `result` is the document that the job shows; it is whole only when the run succeeded."""

    outcome: Outcome
    step: int
    epoch: int
    result: dict[str, Any]


def score_test(session: Session, test: Rows, *, on_sign: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """The test scores of the model as it is, and of simple predictors beside it; `on_sign` is called in between."""
    outputs = outputs_of(session.model, test, on_slice=on_sign)
    classes = session.data.signature.classes
    measured = {"loss": float(session.loss(outputs, test.targets)), **session.evaluation.scores(outputs, test.targets)}
    scores = finite(measured)
    on_sign()
    simple = baselines.score(session, test) if session.spec.evaluation.baselines else []
    table = {} if classes is None else {"per_class": per_class(outputs, test.targets, classes=classes)}
    return {"test": scores, "baselines": simple, **table, **compared(scores, simple, task=session.data.signature.task)}


def compared(scores: Mapping[str, float], simple: Sequence[Mapping[str, Any]], *, task: str) -> dict[str, Any]:
    """Whether a network is better than every simple predictor, and a sentence that says so."""
    metric = DECISIVE[task] if DECISIVE[task] in scores else next((name for name in scores if name != "loss"), "loss")
    rivals = {str(rival["name"]): rival["test"][metric] for rival in simple if metric in rival["test"]}
    if not rivals or metric not in scores:
        return {"beats_baselines": None, "verdict": "No simple predictor was scored on these rows."}
    sign = -1.0 if metric in SMALLER_IS_BETTER else 1.0
    best = max(rivals, key=lambda name: sign * rivals[name])
    beats = sign * (scores[metric] - rivals[best]) > 0
    words = "beats" if beats else "does not beat"
    sentence = (
        f"With {metric} {scores[metric]:.4g} on the test rows the network {words} the best simple predictor, "
        f"{best.replace('_', ' ')}, which has {rivals[best]:.4g}."
    )
    return {"beats_baselines": beats, "verdict": sentence}


def summary(
    session: Session, ending: Ending, final: SavedCheckpoint, *, phase_seconds: Mapping[str, float]
) -> dict[str, Any]:
    """What the run took and what it ended with, beside the test scores."""
    best, counters = session.monitor.best, session.counters
    weights = next(file for file in final.files if file.name == "weights.safetensors")
    return {
        "best": {"metric": session.monitor.metric, "value": best.value, "step": best.step, "epoch": best.epoch},
        "metrics": dict(final.metrics),
        "last": {"step": counters.step, "epoch": counters.epoch, "metrics": session.scores},
        "ended_by": ending.value,
        "epochs": counters.epoch,
        "steps": counters.step,
        "parameters": session.num_parameters,
        "samples_per_second": session.num_rows_seen / session.seconds if session.seconds else None,
        "phase_seconds": dict(phase_seconds),
        "peak_memory_bytes": system.peak_memory_bytes(session.device),
        "data_report": session.data.report,
        "weights_sha256": weights.sha256,
        "device": str(session.device),
    }
