"""Texts with one class each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from models.errors import InvalidData
from models.formats.duplicates import first_of_each, row_keys, text_keys
from models.formats.sources import Texts
from models.spec import JobSpec
from worker.training.data.modules import TextPreprocessing, plan
from worker.training.data.parts import Data, divided
from worker.training.data.repeats import note_repeats, settled
from worker.training.data.report import Report
from worker.training.data.signature import Signature
from worker.training.data.splitting import Rows, split
from worker.training.data.text_encoding import fit_text
from worker.training.data.words import Tidy

FIELD = "text"
"""The name of a text in rows to predict."""


def prepare_texts(
    spec: JobSpec, source: Texts, *, device: torch.device, on_sign: Callable[[], None] = lambda: None
) -> Data:
    """Texts for classification; raises InvalidData when there is one class only or a part stays empty.

    `on_sign` is called between the steps that take long.
    """
    report = Report(len(source))
    tidy = Tidy.of(spec.cleaning.text)
    tidied = replace(source, texts=[tidy(text) for text in source.texts])
    texts = _distinct(tidied, report) if spec.cleaning.duplicates == "drop" else tidied
    if len(np.unique(texts.labels)) < 2:
        raise InvalidData("all texts are of one class; there is nothing to learn")
    keys = text_keys(texts.texts)
    together = keys if spec.cleaning.duplicates == "group_across_splits" else None
    rows = Rows(len(texts), labels=texts.labels, keys=together, official=texts.split)
    on_sign()
    parts, report.warnings = split(spec.data.split, rows, seed=spec.seed)
    note_repeats(report, keys, parts, labels=texts.labels)
    how = spec.cleaning.conflicting_labels
    parts, labels = settled(how, keys, parts, texts.labels, classes=texts.classes, report=report)
    report.count_parts(parts)
    report.count_classes(parts, labels, classes=texts.classes)
    encoding, tokens = fit_text(
        texts.texts, parts, name=FIELD, spec=spec.preprocessing.text, tidy=tidy, report=report, on_sign=on_sign
    )
    preprocessing = TextPreprocessing()
    return Data(
        *divided({"tokens": tokens}, torch.from_numpy(labels), parts, device=device),
        preprocessing.to(device),
        Signature(
            kind="text",
            task="classification",
            num_outputs=len(texts.classes),
            text=encoding.shape,
            classes=tuple(texts.classes),
        ),
        report.document(),
        {"encoding": encoding.document(), "preprocessing": plan(preprocessing)},
    )


def _distinct(source: Texts, report: Report) -> Texts:
    """Without the texts that repeat an earlier one of the same class."""
    first = first_of_each(row_keys(source))
    report.drop_rows("duplicates", len(source) - len(first))
    split = None if source.split is None else source.split[first]
    return Texts([source.texts[place] for place in first], source.labels[first], source.classes, split)
