"""How good predicted quantiles are: how many targets lie below each, and how wide the interval between them is."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from worker.training.networks import Model


def described(model: Model, outputs: Tensor, targets: Tensor) -> dict[str, Any]:
    """Coverage and pinball loss of each quantile, in the units of the target, and the interval from first to last.

    `crossings` is the share of the answers whose outputs were not in rising order before they were brought into it.
    """
    wanted = model.in_original_units(targets)
    values = model.in_original_units(model.by_quantile(outputs))
    each = [_one(level, values[:, :, place], wanted) for place, level in enumerate(model.quantiles)]
    if len(each) == 1:
        return {"quantiles": each}
    inside = (wanted >= values[:, :, 0]) & (wanted <= values[:, :, -1])
    raw = outputs.reshape(len(outputs), -1, len(model.quantiles))
    interval = {
        "from": model.quantiles[0],
        "to": model.quantiles[-1],
        "nominal_coverage": model.quantiles[-1] - model.quantiles[0],
        "coverage": float(inside.double().mean()),
        "mean_width": float((values[:, :, -1] - values[:, :, 0]).mean()),
        "crossings": float((raw.diff(dim=2) < 0).any(2).double().mean()),
    }
    return {"quantiles": each, "quantile_interval": interval}


def _one(level: float, values: Tensor, wanted: Tensor) -> dict[str, float]:
    errors = wanted - values
    return {
        "quantile": level,
        "coverage": float((errors <= 0).double().mean()),
        "pinball": float((level * errors).maximum((level - 1) * errors).mean()),
    }
