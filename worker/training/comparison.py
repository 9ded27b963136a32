"""Whether a network is better than simple predictors, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from worker.training import redrawn
from worker.training.early_stopping import SMALLER_IS_BETTER
from worker.training.intervals import Interval, Resamples, middle, spread, wilson
from worker.training.metrics import Classified, Measured, scores
from worker.training.recorder import finite

Standing = Literal["beats", "on_a_par", "loses"]

#: The metric that decides, where it is among those asked for; else the first of these does.
DECISIVE = {"classification": "accuracy", "regression": "rmse", "forecasting": "rmse"}
#: Errors that differ by less than this share of the baseline's are the same for any use, however sure the difference.
NEGLIGIBLE = 0.005
_WORDS = {"beats": "beats", "on_a_par": "is on a par with", "loses": "loses to"}


@dataclass(frozen=True, slots=True)
class Contestant:
    """A predictor on the test rows: its scores, and between what they would be on other rows of the same kind."""

    name: str
    judged: Classified | Measured
    test: dict[str, float]
    intervals: dict[str, Interval]

    @classmethod
    def of(cls, name: str, judged: Classified | Measured, metrics: tuple[str, ...], rows: Resamples) -> Contestant:
        """The contestant of that name."""
        return cls(name, judged, finite(scores(judged, metrics)), intervals(judged, metrics, rows))

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"name": self.name, "test": self.test, "intervals": listed(self.intervals)}


def intervals(judged: Classified | Measured, metrics: tuple[str, ...], rows: Resamples) -> dict[str, Interval]:
    """The 95 % interval of each metric that has one: by Wilson for the accuracy, by draws of the rows otherwise."""
    found: dict[str, Interval] = {}
    for name in metrics:
        interval = spread(redrawn.draws(judged, name, rows))
        if name == "accuracy" and isinstance(judged, Classified):
            interval = wilson(scores(judged, (name,))[name], len(judged.targets))
        if interval is not None:
            found[name] = interval
    return found


def listed(found: dict[str, Interval]) -> dict[str, list[float]]:
    """Intervals as JSON has them."""
    return {name: list(interval) for name, interval in found.items()}


def compared(network: Contestant, rivals: Sequence[Contestant], rows: Resamples, *, task: str) -> dict[str, Any]:
    """How a network stands to the best simple predictor, and a sentence that says so.

    Both are scored on the same draws of the rows, so what is hard for both does not blur their difference. Only where
    the 95 % interval of the difference lies on one side of 0, and an error differs by more than a trifle, does one beat
    the other.
    """
    metric = DECISIVE[task] if DECISIVE[task] in network.test else next(iter(network.test), "loss")
    measured = [rival for rival in rivals if metric in rival.test]
    if not measured or metric not in network.test:
        verdict = "No simple predictor was scored on these rows."
        return {"beats_baselines": None, "standing": None, "difference": None, "verdict": verdict}
    sign = -1.0 if metric in SMALLER_IS_BETTER else 1.0
    best = max(measured, key=lambda rival: sign * rival.test[metric])
    gap = network.test[metric] - best.test[metric]
    between = middle(redrawn.draws(network.judged, metric, rows) - redrawn.draws(best.judged, metric, rows))
    negligible = metric in SMALLER_IS_BETTER and abs(gap) < NEGLIGIBLE * best.test[metric]
    standing = "on_a_par" if negligible else _standing(sign, between)
    return {
        "beats_baselines": standing == "beats",
        "standing": standing,
        "difference": {
            "metric": metric,
            "baseline": best.name,
            "value": gap,
            "interval": None if between is None else list(between),
        },
        "verdict": _sentence(metric, network, best, standing, _reason(gap, between, standing, negligible=negligible)),
    }


def _standing(sign: float, between: Interval | None) -> Standing:
    if between is None or between[0] <= 0 <= between[1]:
        return "on_a_par"
    return "beats" if sign * between[0] > 0 else "loses"


def _sentence(metric: str, network: Contestant, best: Contestant, standing: Standing, reason: str) -> str:
    return (
        f"With {metric} {network.test[metric]:.4g} on the test rows the network {_WORDS[standing]} the best simple "
        f"predictor, {best.name.replace('_', ' ')}, which has {best.test[metric]:.4g}: {reason}."
    )


def _reason(gap: float, between: Interval | None, standing: Standing, *, negligible: bool) -> str:
    if not gap:
        return "they score the same"
    if negligible:
        return f"the difference of {gap:.3g} is negligible"
    within = "" if between is None else f" (95 % interval {between[0]:.3g} to {between[1]:.3g})"
    sure = "could be chance" if standing == "on_a_par" else "is more than chance explains"
    return f"the difference of {gap:.3g} {sure}{within}"
