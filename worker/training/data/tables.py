"""Tables: rows of numbers and words, one column of which is the answer."""

from __future__ import annotations

from dataclasses import dataclass
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
from worker.training.data.cleaning import cleaned, marks, split_columns, target_name
from worker.training.data.encoding import TableEncoding, Vocabulary, as_raw_numbers
from worker.training.data.fitting import fit_categories, fit_numbers
from worker.training.data.modules import MISSING, NUM_RESERVED_CODES, UNSEEN, TablePreprocessing, plan
from worker.training.data.parts import Data, divided
from worker.training.data.repeats import note_repeats
from worker.training.data.report import Report
from worker.training.data.signature import Signature
from worker.training.data.splitting import TRAIN, Parts, Rows, split
from worker.training.data.targets import Target, class_target, number_target
from worker.training.data.values import Words, numbers_of, words_of


@dataclass(frozen=True, slots=True)
class _Features:
    """The feature columns of all rows: float64 [N, F], and words per categorical column."""

    number_names: list[str]
    numbers: npt.NDArray[np.float64]
    words: dict[str, Words]


def prepare_table(spec: JobSpec, source: Table, *, device: torch.device) -> Data:
    """A table for classification or regression; raises InvalidData naming column and row."""
    report = Report(len(source))
    table = cleaned(source, spec, report)
    target = _target(spec, table)
    keys = table_keys(table, spec.data.features)
    parts = _parted(spec, table, target, keys, report)
    note_repeats(report, keys, parts, labels=target.labels)
    features = _read(spec, table)
    features = _with_values(features, parts, report)
    encoding, codes = _encoded(spec, features, parts, report)
    preprocessing = _fitted(spec, features, encoding, codes, parts, report)
    target = target.standardised(parts == TRAIN)
    report.count_parts(parts)
    if target.labels is not None:
        report.count_classes(parts, target.labels, classes=target.classes)
    inputs: dict[str, torch.Tensor] = {}
    if encoding.numbers:
        inputs["numbers"] = as_raw_numbers(features.numbers)
    if encoding.categories:
        inputs["categories"] = torch.from_numpy(codes)
    return Data(
        *divided(inputs, target.values, parts, device=device),
        preprocessing.to(device),
        _signature(spec, preprocessing, encoding, target),
        report.document(),
        {"encoding": encoding.document(), "preprocessing": plan(preprocessing)},
    )


def _target(spec: JobSpec, table: Table) -> Target:
    name = target_name(spec)
    column = table.columns[name].combine_chunks()
    return class_target(column, name=name) if spec.task == "classification" else number_target(column, name=name)


def _parted(spec: JobSpec, table: Table, target: Target, keys: npt.NDArray[np.uint64], report: Report) -> Parts:
    column = None
    for name in split_columns(spec):
        column = column_values(table.columns[name].combine_chunks(), name=name)
    together = keys if spec.cleaning.duplicates == "group_across_splits" else None
    rows = Rows(len(table), labels=target.labels, keys=together, official=table.split, column=column)
    parts, warnings = split(spec.data.split, rows, seed=spec.seed)
    report.warnings += warnings
    return parts


def column_values(column: pa.Array, *, name: str) -> npt.NDArray[Any]:
    """The words or times [N] that a split goes by; raises InvalidData naming the first row that has none."""
    if column.null_count:
        row = pc.index(pc.is_null(column), value=True).as_py() + 1
        raise InvalidData("the split needs a value in every row", place=f"column {name!r}, data row {row}")
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, pa.string())
    values: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values


def _read(spec: JobSpec, table: Table) -> _Features:
    numbers: dict[str, npt.NDArray[np.float64]] = {}
    words: dict[str, Words] = {}
    for name, feature in spec.data.features.items():
        column = table.columns[name].combine_chunks()
        if feature.type == "number":
            numbers[name] = numbers_of(column, name=name)
        else:
            words[name] = words_of(column)
    stacked = np.stack(list(numbers.values()), axis=1) if numbers else np.empty((len(table), 0))
    return _Features(list(numbers), stacked, words)


def _with_values(features: _Features, parts: Parts, report: Report) -> _Features:
    """The features without columns that no training row has a value in; raises InvalidData when none is left."""
    train = parts == TRAIN
    some = ~np.isnan(features.numbers[train]).all(axis=0)
    words = {name: column for name, column in features.words.items() if (column.codes[train] >= 0).any()}
    dropped = [name for name, keep in zip(features.number_names, some, strict=True) if not keep]
    dropped += [name for name in features.words if name not in words]
    if not some.any() and not words:
        raise InvalidData("every feature is missing in every training row")
    report.columns_dropped += dropped
    report.warnings += [f"column {name!r} is left out: it is missing in every training row" for name in dropped]
    names = [name for name, keep in zip(features.number_names, some, strict=True) if keep]
    return _Features(names, features.numbers[:, some], words)


def _encoded(
    spec: JobSpec, features: _Features, parts: Parts, report: Report
) -> tuple[TableEncoding, npt.NDArray[np.int64]]:
    """The vocabulary of the training rows, and the codes [N, K] of all rows in it."""
    train = parts == TRAIN
    vocabularies: list[Vocabulary] = []
    codes = np.empty((len(parts), len(features.words)), np.int64)
    for place, (name, words) in enumerate(features.words.items()):
        known = np.flatnonzero(np.bincount(words.codes[train] + 1, minlength=len(words.values) + 1)[1:])
        order = sorted(known.tolist(), key=words.values.__getitem__)
        table = np.full(len(words.values) + 1, UNSEEN, np.int64)
        table[order] = np.arange(NUM_RESERVED_CODES, NUM_RESERVED_CODES + len(order))
        table[-1] = MISSING
        codes[:, place] = table[words.codes]
        vocabularies.append(Vocabulary(name, tuple(words.values[code] for code in order)))
        unseen, gone = int((codes[:, place] == UNSEEN).sum()), int((codes[train, place] == MISSING).sum())
        report.unseen_categories |= {name: unseen} if unseen else {}
        report.filled |= {name: gone} if gone else {}
    missing = marks(spec.cleaning.missing_values)
    strip = spec.cleaning.text.strip
    return TableEncoding(tuple(features.number_names), tuple(vocabularies), missing, strip), codes


def _fitted(
    spec: JobSpec,
    features: _Features,
    encoding: TableEncoding,
    codes: npt.NDArray[np.int64],
    parts: Parts,
    report: Report,
) -> TablePreprocessing:
    train = parts == TRAIN
    numbers = categories = None
    if encoding.numbers:
        how = spec.preprocessing.number
        numbers = fit_numbers(features.numbers[train], names=encoding.numbers, spec=how, report=report)
    if encoding.categories:
        cardinalities = [vocabulary.cardinality for vocabulary in encoding.categories]
        written = spec.preprocessing.category.encoding
        categories = fit_categories(codes[train], cardinalities=cardinalities, encoding=written)
    return TablePreprocessing(numbers=numbers, categories=categories)


def _signature(spec: JobSpec, preprocessing: TablePreprocessing, encoding: TableEncoding, target: Target) -> Signature:
    numbers, categories = preprocessing.numbers, preprocessing.categories
    embedded = () if categories is not None else tuple(word.cardinality for word in encoding.categories)
    return Signature(
        kind="table",
        task="classification" if spec.task == "classification" else "regression",
        num_outputs=target.num_outputs,
        num_numbers=(numbers.num_outputs if numbers else 0) + (categories.num_outputs if categories else 0),
        cardinalities=embedded,
        classes=target.classes if target.labels is not None else None,
        target_mean=target.mean,
        target_std=target.std,
    )
