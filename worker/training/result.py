"""What a job answers with: scores, comparison with simple predictors, cost, and which weights they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from worker.training import baselines, quantiles, system
from worker.training.callbacks import SavedCheckpoint
from worker.training.comparison import Contestant, compared, listed
from worker.training.evaluation import outputs_of, per_class
from worker.training.intervals import Resamples
from worker.training.loop import Ending
from worker.training.metrics import Classified, Measured
from worker.training.recorder import finite
from worker.training.rows import Rows
from worker.training.session import Session

Outcome = Literal["succeeded", "cancelled", "paused", "drained"]

OUTCOMES: Mapping[Ending, Outcome] = {
    Ending.CANCELLED: "cancelled",
    Ending.PAUSED: "paused",
    Ending.DRAINED: "drained",
}


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended. `result` is the document that the job shows; it is whole only when the run succeeded."""

    outcome: Outcome
    step: int
    epoch: int
    result: dict[str, Any]


def score_test(
    session: Session,
    test: Rows,
    *,
    on_sign: Callable[[], None] = lambda: None,
    memory: baselines.Memory | None = None,
) -> dict[str, Any]:
    """The test scores of the model as it is, and of simple predictors beside it; `on_sign` is called in between.

    What those answer is taken from `memory` where it is known there.

    The test rows are looked at here and nowhere else, once.
    """
    outputs = outputs_of(session.model, test, on_slice=on_sign)
    signature, evaluation = session.data.signature, session.evaluation
    rows = Resamples(len(test), in_series=signature.task == "forecasting")

    def contestant(name: str, judged: Classified | Measured) -> Contestant:
        on_sign()
        return Contestant.of(name, judged, evaluation.metrics, rows)

    judged = evaluation.judged(outputs, test.targets)
    network = contestant("network", judged)
    loss = finite({"loss": float(session.loss(outputs, test.targets))})
    answered = baselines.answers(session, test, memory=memory) if session.spec.evaluation.baselines else ()
    rivals = [contestant(name, evaluation.judged_as(answers, test.targets)) for name, answers in answered]
    table: dict[str, Any] = {}
    if isinstance(judged, Classified) and signature.classes is not None:
        table["per_class"] = per_class(judged, classes=signature.classes)
    if session.model.quantiles:
        table |= quantiles.described(session.model, outputs, test.targets)
    return {
        "test": {**loss, **network.test},
        "test_intervals": listed(network.intervals),
        "baselines": [rival.document() for rival in rivals],
        **table,
        **compared(network, rivals, rows, task=signature.task),
    }


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
