"""Forecasting: windows over ordered rows, the target's own past among the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from models.errors import InvalidData
from models.formats.sources import Table
from models.spec import JobSpec
from models.spec.cleaning import MedianFilter, MovingAverage
from models.spec.data import TimeSplit
from worker.training.data import covariates
from worker.training.data.anchors import MAX_COLUMNS
from worker.training.data.anchors import fit as fit_anchor
from worker.training.data.cells import as_raw_numbers
from worker.training.data.cleaning import cleaned, kept, split_columns, target_name
from worker.training.data.dropping import unwanted
from worker.training.data.encoding import SeriesEncoding
from worker.training.data.fitting import fit_numbers
from worker.training.data.modules import SeriesPreprocessing, plan
from worker.training.data.parts import Data, Split
from worker.training.data.report import PARTS, Report
from worker.training.data.signature import Signature
from worker.training.data.splitting import TRAIN, Parts, by_time
from worker.training.data.tables import column_values
from worker.training.data.targets import Target
from worker.training.data.values import numbers_of

Floats = npt.NDArray[np.float64]

_WINDOWS_AT_ONCE = 4096
#: A step between rows is a gap where it is so many times as long as usual; months differ by less.
_WIDE = 1.5


def prepare_series(spec: JobSpec, source: Table, *, device: torch.device) -> Data:
    """A table in order of time as windows; raises InvalidData naming the column, or when it is too short.

    Rows are divided by time first. A window belongs to the part that holds all rows it predicts; one whose predicted
    rows lie on both sides of a cut is left out. What it looks back on may lie in an earlier part, as it will in use.
    """
    report = Report(len(source))
    table = _ordered(spec, cleaned(source, spec, report)[0])
    report.warnings += _uneven(spec, table)
    shares = spec.data.split if isinstance(spec.data.split, TimeSplit) else TimeSplit()
    parts = by_time(len(table), None, train=shares.train, validation=shares.validation)
    report.count_parts(parts)
    names, numbers = _numbers(spec, table, parts, report)
    target_column = target_name(spec)
    answers = numbers_of(table.columns[target_column].combine_chunks(), name=target_column)
    how = spec.preprocessing.series
    starts = _starts(answers, parts, spec, report)
    starts[TRAIN] = _wanted(starts[TRAIN], numbers, parts, spec, names, report)
    encoding, numbers = _with_covariates(spec, table, parts, names, numbers, report)
    target = _standardised(answers, parts)
    # overlapping windows are one tensor seen many times: [L, F] takes the memory, not [N, T, F]
    seen = as_raw_numbers(numbers).unfold(0, how.window, 1).transpose(1, 2)
    ahead = target.values[:, 0].unfold(0, how.horizon, 1)
    preprocessing = _fitted(spec, numbers[parts == TRAIN], list(encoding.columns), report, num_numbers=len(names))
    if preprocessing.anchor is not None:
        _anchor(preprocessing, seen, ahead, starts[TRAIN], target)
    return Data(
        *_windowed(seen.to(device), ahead.to(device), starts, window=how.window),
        preprocessing.to(device),
        Signature(
            kind="series",
            task="forecasting",
            num_outputs=how.horizon,
            series=(how.window, preprocessing.numbers.num_outputs),
            target_mean=target.mean,
            target_std=target.std,
            anchored=preprocessing.anchor is not None,
        ),
        report.document(),
        {"encoding": encoding.document(), "preprocessing": plan(preprocessing)},
    )


def _with_covariates(
    spec: JobSpec, table: Table, parts: Parts, names: list[str], numbers: Floats, report: Report
) -> tuple[SeriesEncoding, Floats]:
    """The encoding of windows, and all columns [L, F]: the numbers, then what is made of categories and times."""
    window, found = spec.preprocessing.series.window, covariates.fit(spec, table, parts, report)
    if found is None:
        return SeriesEncoding(tuple(names), window), numbers
    others, columns = found
    used = {*names, *(one.name for one in others.words.categories), *others.times}
    sent = tuple(name for name in spec.data.features if name in used)
    encoding = SeriesEncoding((*names, *others.names), window, sent, others)
    return encoding, np.concatenate([numbers, columns], axis=1)


def _fitted(spec: JobSpec, train: Floats, names: list[str], report: Report, *, num_numbers: int) -> SeriesPreprocessing:
    """Preprocessing fitted on the training rows [L, F], its anchor still to be measured."""
    number, noise, how = spec.preprocessing.number, spec.cleaning.noise, spec.preprocessing.series
    numbers = fit_numbers(train, names=names, spec=number, report=report, num_fenced=num_numbers)
    columns = how.window * numbers.num_outputs + 1
    own_past = columns > MAX_COLUMNS
    anchor = {
        "how": how.target_scale,
        "target": names.index(target_name(spec)),
        "horizon": how.horizon,
        "columns": 0 if how.target_scale != "residual" else how.window + 1 if own_past else columns,
        "own_past": own_past,
    }
    return SeriesPreprocessing(
        numbers=numbers,
        smoothing={"how": noise.type, "steps": noise.steps}
        if isinstance(noise, MedianFilter | MovingAverage)
        else None,
        carries=number.impute == "forward_fill",
        anchor=None if how.target_scale == "standard" else anchor,
    )


def _anchor(
    preprocessing: SeriesPreprocessing,
    seen: torch.Tensor,
    ahead: torch.Tensor,
    starts: npt.NDArray[np.int64],
    target: Target,
) -> None:
    """Measures on the training windows what forecasts are told relative to."""
    anchor = preprocessing.anchor
    if anchor is None or target.mean is None or target.std is None:
        return
    anchor.target_mean.fill_(target.mean)
    anchor.target_std.fill_(target.std)

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        for begin in range(0, len(starts), _WINDOWS_AT_ONCE):
            rows = torch.from_numpy(starts[begin : begin + _WINDOWS_AT_ONCE])
            raw = seen[rows]
            yield raw, preprocessing.ready(raw), ahead[rows + seen.shape[1]]

    fit_anchor(anchor, batches)


def _wanted(
    starts: npt.NDArray[np.int64], numbers: Floats, parts: Parts, spec: JobSpec, names: list[str], report: Report
) -> npt.NDArray[np.int64]:
    """The training windows that look back on no row that is to be left out."""
    number, window = spec.preprocessing.number, spec.preprocessing.series.window
    for why, mask in unwanted(numbers, parts == TRAIN, number, names=names, report=report).items():
        holds = np.lib.stride_tricks.sliding_window_view(mask, window)[starts].any(axis=1)
        report.drop_rows(f"windows_with_{why}", int(holds.sum()))
        starts = starts[~holds]
        if not len(starts):
            raise InvalidData(f"every training window is left out because of {why.replace('_', ' ')}")
    if report.windows is not None:
        report.windows["train"] = len(starts)
    return starts


def _ordered(spec: JobSpec, table: Table) -> Table:
    """The rows in order of the split's time column, as they are where it names none."""
    for name in split_columns(spec):
        order = np.argsort(column_values(table.columns[name].combine_chunks(), name=name), kind="stable")
        table = table if (np.diff(order) == 1).all() else kept(table, order)
    return table


def _uneven(spec: JobSpec, table: Table) -> Iterator[str]:
    """Remarks on a time column whose rows share a time, or are further apart than usual: windows count rows."""
    for name in split_columns(spec):
        column = table.columns[name].combine_chunks()
        if not pa.types.is_timestamp(column.type):
            return
        steps = np.diff(column_values(column, name=name)) / np.timedelta64(1, "s")
        usual = float(np.median(steps))
        if shared := int((steps == 0).sum()):
            yield f"rows that share their time in column {name!r} with the row before: {shared}; all are read in turn"
        if usual and (wide := int((steps > _WIDE * usual).sum())):
            longest, typical = (str(timedelta(seconds=seconds)) for seconds in (float(steps.max()), usual))
            yield (
                f"column {name!r} has gaps: {wide} of {len(steps)} steps are longer than usual, up to {longest} where "
                f"{typical} is; windows count rows, not time"
            )


def _numbers(spec: JobSpec, table: Table, parts: Parts, report: Report) -> tuple[list[str], Floats]:
    """The feature columns [L, F] with at least one number among the training rows."""
    target = spec.data.target
    columns: dict[str, Floats] = {}
    for name, feature in spec.data.features.items():
        if feature.type != "number":
            continue
        column = numbers_of(table.columns[name].combine_chunks(), name=name)
        if np.isnan(column[parts == TRAIN]).all():
            if name == target:
                raise InvalidData("the target is missing in every training row", place=f"column {name!r}")
            report.columns_dropped.append(name)
            report.warnings.append(f"column {name!r} is left out: it is missing in every training row")
        else:
            columns[name] = column
    return list(columns), np.stack(list(columns.values()), axis=1)


def _starts(answers: Floats, parts: Parts, spec: JobSpec, report: Report) -> list[npt.NDArray[np.int64]]:
    """The first rows of the windows of each part; raises InvalidData when a part has none."""
    how = spec.preprocessing.series
    num_rows, span = len(answers), how.window + how.horizon
    if num_rows < span + len(PARTS) - 1:
        message = f"there are {num_rows} rows; a window of {how.window} and a horizon of {how.horizon} need more"
        raise InvalidData(message)
    first = np.arange(0, num_rows - span + 1, how.stride)
    of_first, of_last = parts[first + how.window], parts[first + span - 1]
    known = ~np.lib.stride_tricks.sliding_window_view(np.isnan(answers), how.horizon)[first + how.window].any(axis=1)
    chosen = [first[(of_first == part) & (of_last == part) & known] for part in range(len(PARTS))]
    report.windows = {name: len(rows) for name, rows in zip(PARTS, chosen, strict=True)}
    report.drop_rows("windows_without_target", int((~known).sum()))
    report.drop_rows("windows_across_a_cut", int((known & (of_first != of_last)).sum()))
    for name, rows in report.windows.items():
        if not rows:
            message = f"no window is left for the {name} part; more rows, other shares or a shorter horizon are needed"
            raise InvalidData(message)
    return chosen


def _standardised(answers: Floats, parts: Parts) -> Target:
    train = (parts == TRAIN) & ~np.isnan(answers)
    return Target(numbers=answers[:, None]).standardised(train)


def _windowed(
    seen: torch.Tensor, ahead: torch.Tensor, starts: list[npt.NDArray[np.int64]], *, window: int
) -> tuple[Split, Split, Split]:
    train, validation, test = (Split({"series": _rows(seen, first)}, _rows(ahead, first + window)) for first in starts)
    return train, validation, test


def _rows(windows: torch.Tensor, first: npt.NDArray[np.int64]) -> torch.Tensor:
    """The windows that begin at these rows: a view where they are evenly spaced, a copy otherwise."""
    steps = np.diff(first)
    if len(first) > 1 and (steps == steps[0]).all():
        return windows[int(first[0]) : int(first[-1]) + 1 : int(steps[0])]
    return windows[torch.from_numpy(first).to(windows.device)]
