"""Intervals: their bounds are those of the textbook, and they hold the truth as often as they say."""

import numpy as np
import pytest

from worker.training.intervals import NUM_DRAWS, Resamples, middle, spread, wilson


def test_the_interval_of_a_share_is_wilsons():
    # Brown, Cai and DasGupta 2001, and statsmodels: proportion_confint(8, 10, method="wilson")
    assert wilson(0.8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)
    assert wilson(1.0, 20)[0] == pytest.approx(0.8388748, abs=1e-6)
    assert [wilson(1.0, rows)[1] for rows in range(1, 40)] == [1.0] * 39
    assert [wilson(0.0, rows)[0] for rows in range(1, 40)] == [0.0] * 39


def test_draws_are_a_function_of_the_number_of_rows():
    assert np.array_equal(Resamples(50).draws, Resamples(50).draws)
    assert not np.array_equal(Resamples(50).draws[:, :50], Resamples(51).draws[:, :50])


def test_every_draw_has_as_many_blocks_as_there_are():
    for rows in (1, 7, 1000, 2500):
        resamples = Resamples(rows)
        assert resamples.draws.shape == (NUM_DRAWS, len(resamples.starts))
        assert (resamples.draws.sum(1) == len(resamples.starts)).all()


def test_sums_and_counts_are_those_of_the_rows_drawn():
    resamples = Resamples(10)
    values, codes = np.arange(10.0), np.arange(10) % 3
    drawn = np.repeat(np.arange(10), resamples.draws[0].astype(int))
    assert resamples.sums(values)[0] == drawn.sum()
    assert resamples.counts(codes, num_codes=3)[0].tolist() == np.bincount(codes[drawn], minlength=3).tolist()
    weighted = resamples.counts(codes, num_codes=3, weights=values)[0]
    assert weighted.tolist() == np.bincount(codes[drawn], weights=values[drawn], minlength=3).tolist()


def test_neighbours_in_a_series_are_drawn_together():
    series = Resamples(1000, in_series=True)
    assert series.block_of_row[:20].tolist() == [0] * 10 + [1] * 10
    assert Resamples(1000).block_of_row[:3].tolist() == [0, 1, 2]
    assert (series.row_weights()[:, 0] == series.row_weights()[:, 9]).all()


def test_blocks_of_a_series_see_that_neighbours_are_alike():
    walk = np.repeat(np.random.default_rng(0).normal(size=40), 10)
    low, high = spread(Resamples(400).sums(walk) / 400)
    wide_low, wide_high = spread(Resamples(400, in_series=True).sums(walk) / 400)
    assert wide_high - wide_low > 2 * (high - low)


def test_the_middle_is_what_lies_between_two_quantiles():
    for number in (1, 2, 39, 40, 41, 200, 1000):
        draws = np.random.default_rng(number).normal(size=number)
        assert middle(draws) == tuple(np.quantile(draws, (0.025, 0.975)))
    assert middle(np.array([])) is None


def test_the_interval_of_a_mean_is_that_of_its_standard_error():
    values = np.random.default_rng(0).normal(size=500)
    low, high = spread(Resamples(500).sums(values) / 500)
    error = values.std() / np.sqrt(500)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.25 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.25 * error)


def test_intervals_hold_the_truth_about_19_times_in_20():
    random, rows = np.random.default_rng(1), Resamples(60)
    held = 0
    for _ in range(200):
        low, high = spread(rows.sums(random.normal(size=60)) / 60)
        held += low <= 0 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_draws_that_agree_say_nothing_of_the_spread():
    assert spread(np.ones(100)) is None
    assert middle(np.ones(100)) == (1.0, 1.0)


def test_draws_without_meaning_are_left_out_unless_they_are_many():
    draws = np.arange(100.0)
    draws[:3] = np.nan
    assert middle(draws) == pytest.approx((5.4, 96.6), abs=0.1)
    draws[:30] = np.nan
    assert middle(draws) is None
