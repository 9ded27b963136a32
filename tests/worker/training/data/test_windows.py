"""Series: windows that never look ahead."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.errors import InvalidData

HALVES = {"type": "time", "train": 0.5, "validation": 0.25, "test": 0.25}


def series(window: int = 4, horizon: int = 1, stride: int = 1, **number) -> dict:
    preprocessing = {"series": {"window": window, "horizon": horizon, "stride": stride}}
    return {"task": "forecasting", "preprocessing": {**preprocessing, **({"number": number} if number else {})}}


def original(data, part):
    return (part.targets * data.signature.target_std + data.signature.target_mean).numpy().round(3)


def test_windows_look_back_and_targets_follow(prepared):
    data = prepared({"v": np.arange(40.0)}, data={"target": "v", "split": HALVES}, **series(window=4, horizon=2))

    assert data.train.inputs["series"][0, :, 0].tolist() == [0, 1, 2, 3]
    assert original(data, data.train)[0].tolist() == [4, 5]
    assert original(data, data.train)[-1].tolist() == [18, 19]
    assert original(data, data.validation)[0].tolist() == [20, 21]
    assert original(data, data.validation)[-1].tolist() == [28, 29]
    assert original(data, data.test)[[0, -1]].tolist() == [[30, 31], [38, 39]]
    assert data.signature.series == (4, 1)
    assert data.signature.num_outputs == 2
    assert data.report["windows"] == {"train": 15, "validation": 9, "test": 9}
    assert data.report["rows_dropped"] == {"windows_across_a_cut": 2}


@pytest.mark.parametrize("horizon", [1, 3, 7])
def test_no_part_predicts_what_another_part_has_seen_as_target(prepared, horizon):
    data = prepared({"v": np.arange(80.0)}, data={"target": "v"}, **series(window=5, horizon=horizon))

    train, validation, test = (set(original(data, part).flatten()) for part in (data.train, data.validation, data.test))

    assert max(train) < min(validation) <= max(validation) < min(test)
    assert data.train.inputs["series"].max().item() < min(validation)


def test_a_stride_leaves_rows_between_windows(prepared):
    data = prepared({"v": np.arange(60.0)}, data={"target": "v", "split": HALVES}, **series(stride=5))

    assert data.train.inputs["series"][:, 0, 0].tolist() == [0, 5, 10, 15, 20, 25]


def test_windows_share_the_memory_of_the_series(prepared):
    data = prepared({"v": np.random.default_rng(0).normal(size=5000)}, data={"target": "v"}, **series(window=500))

    windows = data.train.inputs["series"]
    assert windows.shape[1] == 500
    assert windows.untyped_storage().nbytes() == 5000 * 4


def test_rows_are_put_in_order_of_time(prepared):
    days = [f"2020-01-{day:02}" for day in range(1, 31)]
    order = np.random.default_rng(0).permutation(30)
    columns = {"day": [days[place] for place in order], "v": order.astype(float)}

    data = prepared(columns, data={"target": "v", "split": {**HALVES, "column": "day"}}, **series())

    assert data.train.inputs["series"][0, :, 0].tolist() == [0, 1, 2, 3]
    assert original(data, data.test)[-1].tolist() == [29]


def test_other_columns_are_looked_back_on_too_and_the_target_is_standardised_alone(prepared):
    rng = np.random.default_rng(0)
    columns = {"wind": rng.normal(50, 9, 60), "v": rng.normal(3, 2, 60)}

    data = prepared(columns, data={"target": "v", "split": HALVES}, **series())

    out = data.preprocessing(data.train.inputs)["series"]
    assert out.shape == (26, 4, 2)
    assert data.signature.target_mean == pytest.approx(columns["v"][:30].mean())
    expected = (columns["wind"][:30] - columns["wind"][:30].mean()) / columns["wind"][:30].std()
    assert out[0, :, 0].numpy() == pytest.approx(expected[:4], abs=1e-5)


def test_gaps_are_filled_in_what_is_seen_and_left_out_in_what_is_predicted(prepared):
    values = np.arange(60.0)
    values[[10, 50]] = np.nan

    data = prepared({"v": values}, data={"target": "v", "split": HALVES}, **series())

    assert data.report["rows_dropped"] == {"windows_without_target": 2}
    out = data.preprocessing(data.train.inputs)["series"]
    assert out.shape[2] == 2
    assert torch.isfinite(out).all()
    assert torch.isfinite(data.train.targets).all()
    assert torch.isfinite(data.test.targets).all()
    assert out[:, :, 1].sum() == 4  # row 10 is seen by four windows


@pytest.mark.parametrize(
    ("values", "document", "message"),
    [
        (np.arange(5.0), series(), "there are 5 rows; a window of 4 and a horizon of 1 need more"),
        (np.arange(24.0), series(horizon=8), "no window is left for the validation part"),
        (np.ones(60), series(), "the target is 1 in every training row"),
        (np.r_[np.full(45, np.nan), np.arange(15.0)], series(), r"^column 'v': the target is missing"),
    ],
)
def test_series_that_cannot_be_learned_from_are_refused(prepared, values, document, message):
    with pytest.raises(InvalidData, match=message):
        prepared({"v": values, "w": np.arange(len(values))}, data={"target": "v"}, **document)


def test_gaps_of_a_window_are_filled_from_the_steps_before_them(prepared):
    values = np.arange(40.0)
    values[[5, 6]] = np.nan
    data = prepared(
        {"v": values}, data={"target": "v", "split": HALVES}, **series(window=4, impute="forward_fill", scale="none")
    )
    window = data.preprocessing({"series": torch.tensor([[[4.0], [torch.nan], [torch.nan], [7.0]]])})["series"]
    assert window[0].tolist() == [[4, 0], [4, 1], [4, 1], [7, 0]]
    first = data.preprocessing({"series": torch.tensor([[[torch.nan], [1.0], [2.0], [3.0]]])})["series"]
    assert first[0, 0].tolist() == [19, 1]  # nothing before it: the last number of training


def test_windows_of_training_that_hold_a_gap_are_left_out_when_asked(prepared):
    values, other = np.arange(40.0), np.arange(40.0)
    other[[6, 25]] = np.nan
    data = prepared(
        {"v": values, "w": other}, data={"target": "v", "split": HALVES}, **series(window=4, impute="drop_row")
    )
    assert data.report["rows_dropped"]["windows_with_missing_values"] == 4
    assert data.report["windows"] == {"train": 12, "validation": 10, "test": 10}
    assert not data.train.inputs["series"].isnan().any()


def test_windows_of_training_that_hold_an_outlier_are_left_out_when_asked(prepared):
    other = np.arange(40.0) % 7
    other[[6, 35]] = 500
    outliers = {"type": "iqr", "action": "drop_row", "max_affected": 0.5}
    data = prepared(
        {"v": np.arange(40.0), "w": other}, data={"target": "v", "split": HALVES}, **series(outliers=outliers)
    )
    assert data.report["rows_dropped"]["windows_with_outliers"] == 4
    assert data.test.inputs["series"].max() == 500


def test_smoothing_changes_what_is_seen_and_not_what_is_predicted(prepared):
    values = np.arange(40.0)
    values[10] = 900
    document = {"cleaning": {"noise": {"type": "median_filter", "steps": 3}}}
    data = prepared({"v": values}, data={"target": "v", "split": HALVES}, **document, **series(scale="none"))
    seen = data.preprocessing(dict(data.train.inputs))["series"]
    assert seen[:, 2:].max() < 20  # the first steps of a window have too few before them
    assert original(data, data.train).max() == 900
    assert data.recipe["preprocessing"]["smoothing"] == {"how": "median_filter", "steps": 3}


def dated(days: list[int]) -> dict:
    start = np.datetime64("2024-01-01")
    return {"day": [str(start + day) for day in days], "v": np.sin(days)}


@pytest.mark.parametrize(
    ("days", "warning"),
    [
        (list(range(40)), None),
        (
            [*range(20), *range(23, 43)],
            "1 of 39 steps are longer than usual, up to 4 days, 0:00:00 where 1 day, 0:00:00",
        ),
        ([*range(20), *range(19, 39)], "rows that share their time in column 'day' with the row before: 1"),
    ],
)
def test_rows_that_are_not_evenly_spaced_in_time_are_told_of(prepared, days, warning):
    data = prepared(dated(days), data={"target": "v"}, **series(window=4))

    found = [one for one in data.report["warnings"] if "'day'" in one]
    assert len(found) == (warning is not None)
    assert all(warning in one for one in found)


def test_months_are_evenly_spaced(prepared):
    months = [str(np.datetime64("2020-01") + month) + "-01" for month in range(40)]

    data = prepared({"month": months, "v": np.sin(np.arange(40))}, data={"target": "v"}, **series(window=4))

    assert data.report["warnings"] == []
