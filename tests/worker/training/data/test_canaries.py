"""Nothing is fitted on validation or test rows: canaries planted there do not change one bit of what is.

What is compared is the whole model before its first step, fitted scales, fences, fills, neighbours, bins, anchors and
embeddings of vocabularies included, beside the recipe that encodes new rows and the figures of the target.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

from models.formats.sources import Images, Table
from tests.worker.training.data.conftest import resolved
from worker.training.data import prepare
from worker.training.session import open_session

ROWS = 120
TIME = {"type": "time", "train": 0.5, "validation": 0.25, "test": 0.25}
TRAIN = ROWS // 2


def table(*, planted):
    """Numbers with gaps, words and a number to predict; where `planted`, canaries in every row that does not train."""
    random = np.random.default_rng(0)
    a, b = random.normal(size=ROWS), np.exp(random.normal(size=ROWS))
    a[::7] = np.nan
    words = [("u", "v", "w", None)[number % 4] for number in range(ROWS)]
    price = a.copy() + b
    price[::7] = b[::7]
    if planted:
        a[TRAIN:] = np.where(np.arange(ROWS - TRAIN) % 2, 1e30, -1e30)
        b[TRAIN:] = np.where(np.arange(ROWS - TRAIN) % 3, np.nan, 1e30)
        words[TRAIN:] = ["canary"] * (ROWS - TRAIN)
        price[TRAIN:] = 1e9
    kind = ["yes" if number * 7 % 5 > 2 else "no" for number in range(ROWS)]
    named = {"word": pa.array(words).dictionary_encode(), "kind": pa.array(kind).dictionary_encode()}
    return Table(pa.table({"a": numbers(a), "b": numbers(b), "price": numbers(price), **named})), TIME


def numbers(values):
    """A column whose gaps are nulls."""
    return pa.array(values, from_pandas=True)


def fitted_on(source, document):
    """The model at its beginning, the recipe, and what is known of the target."""
    spec = resolved(source, document)
    data = prepare(spec, source, device=torch.device("cpu"))
    session = open_session(spec, data, device=torch.device("cpu"))
    return session.model.state_dict(), data.recipe, (data.signature.document(), len(data.train))


def assert_equal(clean, planted):
    (weights, *rest), (others, *more) = clean, planted
    assert rest == more
    assert weights.keys() == others.keys()
    for name, values in weights.items():
        assert torch.equal(values, others[name]), name


def number(**options):
    return {"preprocessing": {"number": {**options, "outliers": {"type": "none", **options.get("outliers", {})}}}}


FENCE = {"max_affected": 0.5}
TABLES = {
    "medians and deviations": number(),
    "means and ranges": number(impute="mean", scale="minmax"),
    "modes and quartiles": number(impute="mode", scale="robust"),
    "ranks": number(scale="quantile"),
    "logarithms": number(scale="log1p"),
    "neighbours": number(impute="knn"),
    "last values": number(impute="forward_fill"),
    "rows without gaps": number(impute="drop_row"),
    "fences by quartiles": number(outliers={"type": "iqr", "action": "clip", **FENCE}),
    "fences by deviations": number(outliers={"type": "zscore", "k": 1.0, "action": "flag", **FENCE}),
    "fences by quantiles": number(outliers={"type": "quantile", "low": 0.1, "action": "null", **FENCE}),
    "rows within fences": number(outliers={"type": "iqr", "action": "drop_row", **FENCE}),
    "hot words": {"preprocessing": {"category": {"encoding": "onehot"}}},
    "ordered words": {"preprocessing": {"category": {"encoding": "ordinal", "min_count": 1}}},
    "few words": {"preprocessing": {"category": {"max_cardinality": 1}}},
    "settled conflicts": {"cleaning": {"conflicting_labels": "majority"}},
    "bins of a network": {"network": {"type": "tabm", "heads": 4}},
}


@pytest.mark.parametrize("options", TABLES.values(), ids=TABLES.keys())
def test_canaries_of_a_table_change_nothing_that_is_fitted(options):
    fits = []
    for planted in (False, True):
        source, split = table(planted=planted)
        fits.append(fitted_on(source, {**options, "data": {"target": "kind", "split": split, "ignore": ["price"]}}))
    assert_equal(*fits)


def test_canaries_among_the_answers_change_no_scale():
    fits = []
    for planted in (False, True):
        source, split = table(planted=planted)
        fits.append(fitted_on(source, {"data": {"target": "price", "split": split}, "task": "regression"}))
    assert_equal(*fits)


@pytest.mark.parametrize("how", ["standard", "difference", "per_window", "residual"])
@pytest.mark.parametrize("impute", ["median", "forward_fill", "knn", "drop_row"])
def test_canaries_of_a_series_change_nothing_that_is_fitted(how, impute):
    fits = []
    for planted in (False, True):
        random = np.random.default_rng(1)
        value, wind = random.normal(size=ROWS).cumsum(), random.normal(size=ROWS)
        wind[20] = np.nan
        if planted:
            value[TRAIN:], wind[TRAIN:] = 1e9, -1e9
        preprocessing = {"series": {"window": 6, "target_scale": how}, **number(impute=impute)["preprocessing"]}
        document = {"task": "forecasting", "preprocessing": preprocessing, "network": "mlp"}
        source = Table(pa.table({"value": numbers(value), "wind": numbers(wind)}))
        fits.append(fitted_on(source, {**document, "data": {"target": "value", "split": TIME}}))
    assert_equal(*fits)


def test_canaries_among_images_change_no_mean():
    fits = []
    for planted in (False, True):
        pixels = np.random.default_rng(2).integers(0, 99, size=(60, 6, 6, 1), dtype=np.uint8)
        part = np.repeat([0, 1, 2], [40, 10, 10]).astype(np.int8)
        if planted:
            pixels[part > 0] = 255 - pixels[part > 0]
        source = Images(pixels, np.arange(60) % 2, ["a", "b"], part)
        fits.append(fitted_on(source, {"network": "mlp"}))
    assert_equal(*fits)


def test_a_canary_in_a_training_row_is_seen():
    source, split = table(planted=False)
    document = {"data": {"target": "kind", "split": split, "ignore": ["price"]}}
    clean = fitted_on(source, document)
    changed = source.columns.set_column(0, "a", pa.array([1e6, *source.columns["a"].to_pylist()[1:]]))
    with pytest.raises(AssertionError):
        assert_equal(clean, fitted_on(Table(changed), document))
