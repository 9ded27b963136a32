"""Tables: rows of numbers and words, one column of which is the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch

from models.errors import InvalidData
from models.formats.duplicates import table_keys
from models.formats.sources import Table
from models.spec import JobSpec
from models.spec.cleaning import LabelNoiseReport
from models.spec.data import TimeSplit
from worker.training.data.cells import as_raw_numbers
from worker.training.data.cleaning import cleaned, split_columns, target_name
from worker.training.data.dropping import without_rows
from worker.training.data.features import Codes, Features, encoded, read_features, with_values
from worker.training.data.fitting import fit_categories, fit_numbers
from worker.training.data.label_noise import suspicious
from worker.training.data.modules import TablePreprocessing, plan
from worker.training.data.parts import Data, Split, divided
from worker.training.data.repeats import note_repeats, settled
from worker.training.data.report import Report
from worker.training.data.signature import Signature
from worker.training.data.splitting import TRAIN, Parts, Rows, split
from worker.training.data.table_encoding import TableEncoding
from worker.training.data.targets import Target, class_target, number_target
from worker.training.data.text_encoding import AS_IT_IS, fit_text


def prepare_table(spec: JobSpec, source: Table, *, device: torch.device) -> Data:
    """A table for classification or regression; raises InvalidData naming column and row."""
    report = Report(len(source))
    table, rows = cleaned(source, spec, report)
    target = _target(spec, table)
    keys = table_keys(table, spec.data.features)
    column = _split_column(spec, table)
    parts = _parted(spec, Rows(len(table), target.labels, keys, table.split, column), report)
    note_repeats(report, keys, parts, labels=target.labels)
    if target.labels is not None:
        how = spec.cleaning.conflicting_labels
        parts, labels = settled(how, keys, parts, target.labels, classes=target.classes, report=report)
        target = replace(target, labels=labels)
    features = read_features(spec, table, report)
    parts = without_rows(spec.preprocessing.number, features, parts, target, report)
    features = with_values(features, parts, report)
    encoding, codes = encoded(spec, features, parts, report)
    encoding, tokens = _with_text(spec, features, encoding, parts, report)
    preprocessing = _fitted(spec, _in_order(spec, features, parts, column), encoding, codes[parts == TRAIN], report)
    target = target.standardised(parts == TRAIN)
    report.count_parts(parts)
    if target.labels is not None:
        report.count_classes(parts, target.labels, classes=target.classes)
    inputs = {**_inputs(spec, features, encoding, codes, column), **tokens}
    train, validation, test = divided(inputs, target.values, parts, device=device)
    if isinstance(noise := spec.cleaning.noise, LabelNoiseReport):
        report.label_noise = _label_noise(preprocessing, train, rows[parts == TRAIN], noise.neighbours)
    return Data(
        train,
        validation,
        test,
        preprocessing.to(device),
        _signature(spec, preprocessing, encoding, target),
        report.document(),
        {"encoding": encoding.document(), "preprocessing": plan(preprocessing)},
    )


def _target(spec: JobSpec, table: Table) -> Target:
    name = target_name(spec)
    column = table.columns[name].combine_chunks()
    return class_target(column, name=name) if spec.task == "classification" else number_target(column, name=name)


def _split_column(spec: JobSpec, table: Table) -> npt.NDArray[Any] | None:
    for name in split_columns(spec):
        return column_values(table.columns[name].combine_chunks(), name=name)
    return None


def _parted(spec: JobSpec, rows: Rows, report: Report) -> Parts:
    if spec.cleaning.duplicates != "group_across_splits":
        rows = replace(rows, keys=None)
    parts, warnings = split(spec.data.split, rows, seed=spec.seed)
    report.warnings += warnings
    return parts


def column_values(column: pa.Array, *, name: str) -> npt.NDArray[Any]:
    """The words, groups or times [N] that a split goes by; raises InvalidData naming the first row that has none."""
    if column.null_count:
        row = pc.index(pc.is_null(column), value=True).as_py() + 1
        raise InvalidData("the split needs a value in every row", place=f"column {name!r}, data row {row}")
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, pa.string())
    values: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values


def _order(spec: JobSpec, num_rows: int, times: npt.NDArray[Any] | None) -> npt.NDArray[np.int64]:
    """The rows from the oldest to the newest."""
    by_time = isinstance(spec.data.split, TimeSplit) and times is not None
    return np.argsort(times, kind="stable") if by_time and times is not None else np.arange(num_rows)


def _in_order(
    spec: JobSpec, features: Features, parts: Parts, times: npt.NDArray[Any] | None
) -> npt.NDArray[np.float64]:
    """The numbers of the training rows [N, F], from the oldest to the newest."""
    order = _order(spec, len(parts), times)
    train: npt.NDArray[np.float64] = features.numbers[order[parts[order] == TRAIN]]
    return train


def _with_text(
    spec: JobSpec, features: Features, encoding: TableEncoding, parts: Parts, report: Report
) -> tuple[TableEncoding, dict[str, torch.Tensor]]:
    """The encoding that reads the column of texts too, where there is one, and the "tokens" of all rows."""
    if features.text is None:
        return encoding, {}
    name, texts = features.text
    gone = sum(text is None and part == TRAIN for text, part in zip(texts, parts, strict=True))
    report.filled |= {name: gone} if gone else {}
    read = [text or "" for text in texts]
    text, tokens = fit_text(read, parts, name=name, spec=spec.preprocessing.text, tidy=AS_IT_IS, report=report)
    return replace(encoding, text=text), {"tokens": tokens}


def _fitted(
    spec: JobSpec, numbers: npt.NDArray[np.float64], encoding: TableEncoding, codes: Codes, report: Report
) -> TablePreprocessing:
    """Preprocessing fitted on numbers and codes of the training rows."""
    of_numbers = of_codes = None
    if encoding.numbers:
        number, num_fenced = spec.preprocessing.number, len(encoding.plain_numbers)
        of_numbers = fit_numbers(numbers, names=encoding.numbers, spec=number, report=report, num_fenced=num_fenced)
    if encoding.categories:
        cardinalities = [vocabulary.cardinality for vocabulary in encoding.categories]
        of_codes = fit_categories(codes, cardinalities=cardinalities, encoding=spec.preprocessing.category.encoding)
    return TablePreprocessing(numbers=of_numbers, categories=of_codes)


def _inputs(
    spec: JobSpec, features: Features, encoding: TableEncoding, codes: Codes, times: npt.NDArray[Any] | None
) -> dict[str, torch.Tensor]:
    inputs: dict[str, torch.Tensor] = {}
    if encoding.numbers:
        inputs["numbers"] = as_raw_numbers(features.numbers)
        if spec.preprocessing.number.impute == "forward_fill":
            order = _order(spec, len(codes), times)
            inputs["last"] = torch.empty_like(inputs["numbers"])
            inputs["last"][order] = _last_known(inputs["numbers"][order])
    if encoding.categories:
        inputs["categories"] = torch.from_numpy(codes)
    return inputs


def _last_known(numbers: torch.Tensor) -> torch.Tensor:
    """In each row [N, F] the last number at or above it that is known, NaN where none is."""
    places = torch.arange(len(numbers))[:, None]
    latest = torch.where(numbers.isnan(), 0, places).cummax(dim=0).values
    return numbers.gather(0, latest)


def _label_noise(
    preprocessing: TablePreprocessing, train: Split, rows: npt.NDArray[np.int64], neighbours: int
) -> dict[str, Any]:
    ready = preprocessing(dict(train.inputs))
    parts = [ready["numbers"].cpu()] if "numbers" in ready else []
    if "categories" in ready:  # two rows of different categories are as far apart as two deviations of a number
        codes = ready["categories"].cpu()
        parts += [torch.nn.functional.one_hot(column).float() * 2**0.5 for column in codes.T]
    return suspicious(torch.cat(parts, dim=1), train.targets.cpu().numpy(), rows, neighbours=neighbours)


def _signature(spec: JobSpec, preprocessing: TablePreprocessing, encoding: TableEncoding, target: Target) -> Signature:
    numbers, categories = preprocessing.numbers, preprocessing.categories
    embedded = () if categories is not None else tuple(word.cardinality for word in encoding.categories)
    return Signature(
        kind="text" if encoding.text is not None and not encoding.numbers and not encoding.categories else "table",
        task="classification" if spec.task == "classification" else "regression",
        num_outputs=target.num_outputs,
        num_numbers=(numbers.num_outputs if numbers else 0) + (categories.num_outputs if categories else 0),
        cardinalities=embedded,
        text=None if encoding.text is None else encoding.text.shape,
        classes=target.classes if target.labels is not None else None,
        target_mean=target.mean,
        target_std=target.std,
    )
