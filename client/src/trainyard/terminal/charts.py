"""Curves made of characters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"
#: Bits of the braille cell's dots, by column and by row from the top.
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BRAILLE: Final = 0x2800


def sparkline(values: Sequence[float], *, width: int) -> str:
    """The values as one row of bars, the newest at the right; values that are no number leave a gap."""
    squeezed = squeeze(values, width)
    finite = [value for value in squeezed if isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] if isfinite(value) else " " for value in squeezed)


def plot(values: Sequence[float], *, width: int, height: int) -> list[str]:
    """The values as a curve of braille dots, two by four to the character, with the scale at the left."""
    squeezed = stretch(squeeze(values, width * 2), width * 2)
    finite = [value for value in squeezed if isfinite(value)]
    if not finite:
        return []
    low, high = min(finite), max(finite)
    rows = height * 4
    scale = (rows - 1) / (high - low) if high > low else 0.0
    cells = [[0] * width for _ in range(height)]
    previous: int | None = None
    for column, value in enumerate(squeezed):
        row = rows - 1 - round((value - low) * scale) if isfinite(value) else None
        if row is not None:
            start = row if previous is None else previous
            for dot in range(min(start, row), max(start, row) + 1):
                cells[dot // 4][column // 2] |= _DOTS[column % 2][dot % 4]
        previous = row
    labels = {0: f"{high:.4g}", height - 1: f"{low:.4g}"}
    margin = max(len(label) for label in labels.values())
    return [
        f"{labels.get(number, ''):>{margin}} ┤" + "".join(chr(_BRAILLE + cell) for cell in line)
        for number, line in enumerate(cells)
    ]


def squeeze(values: Sequence[float], width: int) -> list[float]:
    """At most `width` values: the means of equal stretches, over the numbers in each."""
    if len(values) <= width:
        return list(values)
    edges = [len(values) * place // width for place in range(width + 1)]
    return [_mean(values[start:end]) for start, end in pairwise(edges)]


def stretch(values: Sequence[float], width: int) -> list[float]:
    """At least `width` values: straight lines between those given."""
    if not 1 < len(values) < width:
        return list(values)
    step = (len(values) - 1) / (width - 1)
    places = [(min(int(column * step), len(values) - 2), column * step) for column in range(width)]
    return [values[left] + (values[left + 1] - values[left]) * (place - left) for left, place in places]


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if isfinite(value)]
    return sum(finite) / len(finite) if finite else float("nan")
