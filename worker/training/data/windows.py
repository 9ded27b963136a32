"""Forecasting: windows over ordered rows, the target's own past among the inputs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from models.errors import InvalidData
from models.formats.sources import Table
from models.spec import JobSpec
from models.spec.data import TimeSplit
from worker.training.data.cells import as_raw_numbers
from worker.training.data.cleaning import cleaned, kept, split_columns, target_name
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


def prepare_series(spec: JobSpec, source: Table, *, device: torch.device) -> Data:
    """A table in order of time as windows; raises InvalidData naming the column, or when it is too short.

    Rows are divided by time first. A window belongs to the part that holds all rows it predicts; one whose predicted
    rows lie on both sides of a cut is left out. What it looks back on may lie in an earlier part, as it will in use.
    """
    report = Report(len(source))
    table = _ordered(spec, cleaned(source, spec, report)[0])
    shares = spec.data.split if isinstance(spec.data.split, TimeSplit) else TimeSplit()
    parts = by_time(len(table), None, train=shares.train, validation=shares.validation)
    report.count_parts(parts)
    names, numbers = _numbers(spec, table, parts, report)
    target_column = target_name(spec)
    answers = numbers_of(table.columns[target_column].combine_chunks(), name=target_column)
    how = spec.preprocessing.series
    starts = _starts(answers, parts, spec, report)
    fitted = fit_numbers(numbers[parts == TRAIN], names=names, spec=spec.preprocessing.number, report=report)
    preprocessing = SeriesPreprocessing(numbers=fitted)
    target = _standardised(answers, parts)
    # overlapping windows are one tensor seen many times: [L, F] takes the memory, not [N, T, F]
    seen = as_raw_numbers(numbers).to(device).unfold(0, how.window, 1).transpose(1, 2)
    ahead = target.values.to(device)[:, 0].unfold(0, how.horizon, 1)
    return Data(
        *_windowed(seen, ahead, starts, window=how.window),
        preprocessing.to(device),
        Signature(
            kind="series",
            task="forecasting",
            num_outputs=how.horizon,
            series=(how.window, fitted.num_outputs),
            target_mean=target.mean,
            target_std=target.std,
        ),
        report.document(),
        {"encoding": SeriesEncoding(tuple(names), how.window).document(), "preprocessing": plan(preprocessing)},
    )


def _ordered(spec: JobSpec, table: Table) -> Table:
    """The rows in order of the split's time column, as they are where it names none."""
    for name in split_columns(spec):
        order = np.argsort(column_values(table.columns[name].combine_chunks(), name=name), kind="stable")
        table = table if (np.diff(order) == 1).all() else kept(table, order)
    return table


def _numbers(spec: JobSpec, table: Table, parts: Parts, report: Report) -> tuple[list[str], Floats]:
    """The feature columns [L, F] with at least one number among the training rows."""
    target = spec.data.target
    columns: dict[str, Floats] = {}
    for name in spec.data.features:
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
