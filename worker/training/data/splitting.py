"""Which row trains, which validates, which tests. Everything is a function of the seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import InvalidData
from models.spec.data import ColumnSplit, FixedSplit, GroupSplit, OfficialSplit, RandomSplit, StratifiedSplit, TimeSplit

TRAIN, VALIDATION, TEST = 0, 1, 2
DROPPED = -1  # a training row that is left out
_WORDS = {"train": TRAIN, "training": TRAIN, "validation": VALIDATION, "valid": VALIDATION, "val": VALIDATION}
_WORDS |= {"dev": VALIDATION, "test": TEST, "testing": TEST}
_MAX_DRIFT = 0.05

Parts = npt.NDArray[np.int8]
Labels = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a split may look at, one entry per row.

    `labels` are class indices, None where there are no classes; `keys` are equal for rows that must stay together, None
    where none must; `official` are the parts that came with the data; `column` holds the words or the times of the
    column that a split names.
    """

    num: int
    labels: Labels | None = None
    keys: Keys | None = None
    official: Parts | None = None
    column: npt.NDArray[Any] | None = None


def split(how: Any, rows: Rows, *, seed: int) -> tuple[Parts, list[str]]:
    """The part of every row, int8 [N], and what should be known about it; raises InvalidData where a part is empty."""
    warnings: list[str] = []
    if isinstance(how, TimeSplit):
        parts = by_time(rows.num, rows.column, train=how.train, validation=how.validation)
    elif isinstance(how, ColumnSplit):
        parts = _by_column(rows, name=how.column)
    elif isinstance(how, OfficialSplit | FixedSplit):
        parts = _official(rows)
    elif isinstance(how, GroupSplit):
        parts = _by_group(rows, how, seed=seed)
    else:
        stratify = isinstance(how, StratifiedSplit) or not isinstance(how, RandomSplit)
        everything = np.arange(rows.num)
        parts = np.full(rows.num, TRAIN, np.int8)
        _draw(parts, everything, rows, TEST, share=how.test, stratify=stratify, seed=seed, warnings=warnings)
        rest = np.flatnonzero(parts == TRAIN)
        share = how.validation / (how.train + how.validation)
        _draw(parts, rest, rows, VALIDATION, share=share, stratify=stratify, seed=seed, warnings=warnings)
        _every_class_trains(parts, rows)
    if isinstance(how, ColumnSplit | OfficialSplit | FixedSplit) and not (parts == VALIDATION).any():
        rest = np.flatnonzero(parts == TRAIN)
        _draw(parts, rest, rows, VALIDATION, share=how.validation, stratify=True, seed=seed, warnings=warnings)
    _check(parts, rows, warnings)
    return parts, list(dict.fromkeys(warnings))


def by_time(num: int, times: npt.NDArray[Any] | None, *, train: float, validation: float) -> Parts:
    """The oldest rows train, the newest test; rows of one time keep their order."""
    parts = np.empty(num, np.int8)
    order = np.arange(num) if times is None else np.argsort(times, kind="stable")
    first = min(max(1, round(num * train)), max(num - 2, 1))
    second = min(max(first + 1, round(num * (train + validation))), max(num - 1, 1))
    parts[order[:first]], parts[order[first:second]], parts[order[second:]] = TRAIN, VALIDATION, TEST
    return parts


def _by_column(rows: Rows, *, name: str) -> Parts:
    words = rows.column if rows.column is not None else np.empty(0, object)
    values, places = np.unique(words.astype(str), return_inverse=True)
    codes = [_WORDS.get(str(value).strip().lower()) for value in values]
    for value, code in zip(values, codes, strict=True):
        if code is None:
            row = int(np.flatnonzero(places == int(np.flatnonzero(values == value)[0]))[0]) + 1
            message = f"{str(value)!r} is none of train, validation and test"
            raise InvalidData(message, place=f"column {name!r}, data row {row}")
    return np.array(codes, np.int8)[places]


def _by_group(rows: Rows, how: GroupSplit, *, seed: int) -> Parts:
    """Whole groups in random order, each to the part that lacks most of its share."""
    values = rows.column if rows.column is not None else np.empty(0, object)
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    if len(sizes) < 3:
        message = f"there are {len(sizes)} groups; train, validation and test need at least one each"
        raise InvalidData(message, place=f"column {how.column!r}")
    noise = np.random.Generator(np.random.Philox(key=[seed, 0])).random(len(sizes))
    lacking = np.array([how.train, how.validation, how.test]) * rows.num
    part_of = np.empty(len(sizes), np.int8)
    for unit in np.argsort(noise, kind="stable").tolist():
        part = int(lacking.argmax())
        part_of[unit] = part
        lacking[part] -= sizes[unit]
    for part in (VALIDATION, TEST):
        if not (part_of == part).any():  # few groups of unlike sizes: the smallest of train goes there
            trained = np.flatnonzero(part_of == TRAIN)
            part_of[trained[sizes[trained].argmin()]] = part
    return part_of[group]


def _official(rows: Rows) -> Parts:
    if rows.official is None:
        raise InvalidData("the data brings no split of its own")
    parts = rows.official.copy()
    if not (parts == TEST).any():  # a validation part alone is what its makers meant to be scored on
        parts[parts == VALIDATION] = TEST
    return parts


def _draw(
    parts: Parts,
    pool: npt.NDArray[np.int64],
    rows: Rows,
    into: int,
    *,
    share: float,
    stratify: bool,
    seed: int,
    warnings: list[str],
) -> None:
    """Moves about `share` of the pool's rows to a part, rows with one key together."""
    if len(pool) < 2:
        return
    labels = rows.labels[pool] if rows.labels is not None and stratify else None
    chosen = None
    if rows.keys is not None:
        _, first, unit = np.unique(rows.keys[pool], return_index=True, return_inverse=True)
        if len(first) < len(pool):
            of_unit = None if labels is None else labels[first]
            chosen = _systematic(len(first), of_unit, share=share, seed=seed, stream=into)[unit]
            if not chosen.any() or abs(chosen.sum() - share * len(pool)) > max(1, _MAX_DRIFT * len(pool)):
                chosen = None
                warnings.append("so many rows repeat others that identical rows had to be divided between the parts")
    if chosen is None:
        chosen = _systematic(len(pool), labels, share=share, seed=seed, stream=into)
    parts[pool[chosen]] = into


def _systematic(num: int, labels: Labels | None, *, share: float, seed: int, stream: int) -> npt.NDArray[np.bool_]:
    """Marks a share of `num` units, at random within each class and proportionally across classes.

    Units are sorted by class, at random within, and every 1/share-th is taken: each class contributes its share, give
    or take one unit, and the total is exact however many small classes there are.
    """
    noise = np.random.Generator(np.random.Philox(key=[seed, stream])).random(num)
    order = np.argsort(noise, kind="stable") if labels is None else np.lexsort((noise, labels))
    wanted = max(1, round(num * share))
    steps = np.floor((np.arange(num + 1) + 0.5) * wanted / num)
    marked = np.zeros(num, np.bool_)
    marked[order] = np.diff(steps) > 0
    return marked


def _every_class_trains(parts: Parts, rows: Rows) -> None:
    """Moves the rows of a class back to train where the draw left it none."""
    if rows.labels is None:
        return
    num_classes = int(rows.labels.max(initial=-1)) + 1
    counts = np.bincount(rows.labels[parts == TRAIN], minlength=num_classes)
    for label in np.flatnonzero(counts == 0):
        members = np.flatnonzero(rows.labels == label)
        if len(members):
            unit = members[:1] if rows.keys is None else np.flatnonzero(rows.keys == rows.keys[members[0]])
            parts[unit] = TRAIN


def _check(parts: Parts, rows: Rows, warnings: list[str]) -> None:
    for code, name in ((TRAIN, "train"), (VALIDATION, "validate"), (TEST, "test")):
        if not (parts == code).any():
            raise InvalidData(f"of {rows.num} rows none is left to {name}; more rows or other shares are needed")
    if rows.labels is not None:
        trained = np.unique(rows.labels[parts == TRAIN])
        if len(trained) < 2:
            raise InvalidData("the training rows are all of one class; there is nothing to learn")
        if not np.isin(rows.labels, trained).all():
            warnings.append("some classes have no training rows; the network cannot predict them")
