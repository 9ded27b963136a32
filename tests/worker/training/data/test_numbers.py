"""Gaps, outliers and scales of numbers, against scikit-learn and values computed by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.impute import KNNImputer
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from models.spec import parse
from worker.training.data.fitting import fit_numbers
from worker.training.data.numbers import Numbers, Smoothing, carried
from worker.training.data.report import Report


def fitted(train, **number):
    """A module fitted on a column of numbers or several, and what it reports."""
    spec = parse({"data": {"dataset": "x"}, "preprocessing": {"number": number}}).preprocessing.number
    columns = np.array(train, float).reshape(len(train), -1)
    report = Report(len(columns))
    names = [f"x{place}" for place in range(columns.shape[1])]
    return fit_numbers(columns, names=names, spec=spec, report=report), report


def out(module, values):
    return module(torch.tensor(values, dtype=torch.float32).reshape(len(values), -1))


def gappy(rows=80, seed=0):
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(rows, 4)) * [1, 10, 100, 0.1] + [0, 5, 0, 3]
    numbers[:, 1] += 8 * numbers[:, 0]
    numbers[:, :3][random.random((rows, 3)) < 0.25] = np.nan
    return numbers


@pytest.mark.parametrize("neighbours", [1, 5])
def test_neighbours_fill_gaps_as_scikit_learn_does(neighbours):
    train, new = gappy(), gappy(rows=30, seed=1)
    module, _ = fitted(train, impute="knn", neighbours=neighbours, scale="none", missing_indicator=False)
    scaler = StandardScaler().fit(train)
    imputer = KNNImputer(n_neighbors=neighbours).fit(scaler.transform(train))
    expected = scaler.inverse_transform(imputer.transform(scaler.transform(new)))
    assert out(module, new).numpy() == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_a_row_without_any_number_takes_the_medians_from_no_neighbour():
    train = gappy()
    module, _ = fitted(train, impute="knn", scale="none", missing_indicator=False)
    assert out(module, [[np.nan] * 4])[0].numpy() == pytest.approx(np.nanmedian(train, axis=0), rel=1e-5)


def test_neighbours_are_asked_about_gaps_that_training_did_not_have():
    train = np.array([[0.0, 1.0], [10.0, 2.0], [20.0, 3.0]])
    module, _ = fitted(train, impute="knn", neighbours=1, scale="none")
    assert out(module, [[19.0, np.nan]]).tolist() == [[19.0, 3.0]]


@pytest.mark.parametrize("impute", ["median", "mean", "mode", "constant", "forward_fill", "knn", "drop_row"])
def test_a_gap_in_a_column_that_had_none_is_always_filled(impute):
    module, _ = fitted(np.arange(20.0).reshape(10, 2), impute=impute)
    assert torch.isfinite(out(module, [[np.nan, 3.0], [np.nan, np.nan]])).all()


def test_forward_fill_takes_the_last_known_number_of_training():
    module, _ = fitted([1.0, 2.0, 7.0, np.nan], impute="forward_fill", scale="none", missing_indicator=False)
    assert out(module, [np.nan]).tolist() == [[7.0]]


@pytest.mark.parametrize(
    ("outliers", "low", "high"),
    [
        ({"type": "iqr"}, -4.5, 17.5),
        ({"type": "iqr", "k": 3.0}, -12.75, 25.75),
        ({"type": "zscore", "k": 2.0}, 13.833333 - 2 * 684.138889**0.5, 13.833333 + 2 * 684.138889**0.5),
        ({"type": "quantile", "low": 0.0, "high": 0.9}, 1.0, 10.9),
    ],
)
def test_fences_stand_where_the_textbook_puts_them(outliers, low, high):
    train = [*range(1, 12), 100]
    module, report = fitted(train, scale="none", outliers={**outliers, "max_affected": 0.2})
    assert out(module, [-1e6, 1e6])[:, 0].tolist() == pytest.approx([low, high], rel=1e-5)
    assert report.outliers["x0"] == sum(value < low or value > high for value in train)


def test_flagged_outliers_stay_and_are_told():
    module, report = fitted(
        [*range(1, 12), 100], scale="none", outliers={"type": "iqr", "action": "flag", "max_affected": 0.2}
    )
    assert out(module, [5.0, 100.0, -50.0, np.nan]).tolist() == [[5, 0], [100, 1], [-50, 1], [6.5, 0]]
    assert (report.outliers, report.outlier_action) == ({"x0": 1}, "flag")


def test_emptied_outliers_are_filled_and_indicated():
    module, report = fitted(
        [*range(1, 12), 100], scale="none", outliers={"type": "iqr", "action": "null", "max_affected": 0.2}
    )
    assert out(module, [5.0, 100.0, np.nan]).tolist() == [[5, 0], [6, 1], [6, 1]]  # the median without the outlier
    assert report.filled == {"x0": 1}


@pytest.mark.parametrize("outliers", [{"type": "iqr"}, {"type": "zscore"}, {"type": "quantile"}])
def test_columns_without_a_spread_are_spared(outliers):
    train = [[5.0, 0.0]] * 60 + [[5.0, 9.0]]  # a quarter and three quarters are both 0
    module, _ = fitted(train, scale="none", outliers={**outliers, "max_affected": 1.0})
    spared = out(module, [[7.0, 0.0]])[0, 0].item()
    assert spared == 7.0
    if outliers["type"] == "iqr":
        assert module.outliers == "none"


def test_too_many_outliers_spare_the_column_with_a_warning():
    module, report = fitted([0.0] * 5 + [1.0] * 5 + [90.0] * 2, scale="none", outliers={"type": "iqr"})
    assert out(module, [90.0]).tolist() == [[90.0]]
    assert "2 of 12 rows would change" in report.warnings[0]


def test_ranks_become_a_normal_distribution():
    train = np.exp(np.random.default_rng(0).normal(size=2000) * 2)
    module, _ = fitted(train, scale="quantile")
    inside = np.quantile(train, np.linspace(0.02, 0.98, 50))
    reference = QuantileTransformer(output_distribution="normal", n_quantiles=2000).fit(train[:, None])
    assert out(module, inside)[:, 0].numpy() == pytest.approx(reference.transform(inside[:, None])[:, 0], abs=0.01)


def test_the_ends_of_a_ranking_are_level_and_ties_are_one_value():
    module, _ = fitted([1, 1, 1, 2], scale="quantile")
    low, high = out(module, [1.0])[0, 0].item(), out(module, [2.0])[0, 0].item()
    assert (low, high) == pytest.approx((-0.3186394, 1.1503494))  # the normal quantiles of 1.5 / 4 and 3.5 / 4
    assert out(module, [-9.0, 1.5, 99.0])[:, 0].tolist() == pytest.approx([low, (low + high) / 2, high])


def test_a_constant_column_ranks_in_the_middle():
    module, _ = fitted([[3.0, 1.0], [3.0, 2.0]], scale="quantile")
    assert out(module, [[3.0, 1.0], [99.0, 1.0]])[:, 0].tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_signed_logarithms_are_standardised():
    train = np.array([-100.0, -1.0, 0.0, 1.0, 1000.0])
    module, _ = fitted(train, scale="log1p")
    logs = np.sign(train) * np.log1p(np.abs(train))
    assert out(module, train)[:, 0].numpy() == pytest.approx((logs - logs.mean()) / logs.std(), abs=1e-5)


@pytest.mark.parametrize(
    "number",
    [
        {"impute": "knn", "scale": "quantile", "outliers": {"type": "zscore", "action": "flag", "k": 1.5}},
        {"impute": "mean", "scale": "log1p", "outliers": {"type": "iqr", "action": "null"}},
        {"impute": "forward_fill", "scale": "minmax", "outliers": {"type": "quantile", "action": "clip"}},
    ],
)
def test_a_module_comes_back_from_its_plan_and_its_buffers(number):
    number["outliers"]["max_affected"] = 0.5
    module, _ = fitted(gappy(), **number)
    again = Numbers(**json.loads(json.dumps(module.plan())))
    again.load_state_dict(module.state_dict())
    new = gappy(rows=20, seed=3)
    assert torch.equal(out(again, new), out(module, new))
    assert out(module, new).shape[1] == module.num_outputs


@pytest.mark.parametrize("how", ["moving_average", "median_filter"])
def test_smoothing_looks_back_and_never_ahead(how):
    smooth = Smoothing(how=how, steps=3)
    series = torch.tensor([3.0, 5.0, 1.0, 100.0])[None, :, None]
    assert smooth(series)[0, :3, 0].tolist() == [3, 4, 3]  # of 3; of 3 and 5; of 3, 5 and 1: mean and median agree
    changed = series.clone()
    changed[0, 3] = -7
    assert torch.equal(smooth(changed)[:, :3], smooth(series)[:, :3])


@pytest.mark.parametrize(("steps", "last"), [(2, 50.5), (3, 106 / 3), (4, 27.25)])
def test_as_many_steps_are_smoothed_as_asked(steps, last):
    smooth = Smoothing(how="moving_average", steps=steps)
    assert smooth(torch.tensor([3.0, 5.0, 1.0, 100.0])[None, :, None])[0, 3, 0].item() == pytest.approx(last)


def test_a_median_filter_removes_a_spike():
    smooth = Smoothing(how="median_filter", steps=3)
    assert smooth(torch.tensor([1.0, 1, 99, 1, 1])[None, :, None])[0, :, 0].tolist() == [1, 1, 1, 1, 1]


def test_smoothing_leaves_gaps_and_skips_them():
    smooth = Smoothing(how="moving_average", steps=3)
    series = torch.tensor([2.0, torch.nan, 4.0])[None, :, None]
    assert smooth(series)[0, :, 0].nan_to_num(-1).tolist() == [2, -1, 3]


def test_gaps_are_carried_forward_and_never_back():
    series = torch.tensor([[torch.nan, 1.0], [2.0, torch.nan], [torch.nan, torch.nan]])[None]
    assert carried(series)[0].nan_to_num(-1).tolist() == [[-1, 1], [2, 1], [2, 1]]
