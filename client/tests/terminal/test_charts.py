"""Curves made of characters."""

from __future__ import annotations

from math import inf, nan

import pytest

from trainyard.terminal.charts import plot, sparkline, squeeze, stretch


def test_a_sparkline_goes_from_the_least_to_the_greatest():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], width=8) == "▁▂▃▄▅▆▇█"


def test_a_flat_line_stays_at_the_bottom():
    assert sparkline([3.0, 3.0], width=8) == "▁▁"


def test_what_is_no_number_leaves_a_gap():
    assert sparkline([0.0, nan, inf, 1.0], width=8) == "▁  █"
    assert sparkline([nan], width=8) == ""
    assert plot([nan], width=4, height=2) == []


def test_many_values_are_squeezed_into_means_without_losing_one():
    assert squeeze([1, 3, 5, 7], 2) == [2, 6]
    assert squeeze([1, nan, nan, nan], 2)[0] == 1
    assert len(squeeze(list(range(1000)), 48)) == 48
    assert sum(squeeze(list(range(1000)), 40)) / 40 == pytest.approx(499.5)


def test_a_plot_has_its_scale_at_the_left_and_its_curve_in_braille():
    lines = plot([0.0, 1.0, 2.0, 3.0], width=2, height=2)
    assert lines[0].startswith("3 ┤")
    assert lines[1].startswith("0 ┤")
    assert len({len(line) for line in lines}) == 1
    assert lines[1][3] != "⠀"
    assert lines[0][4] != "⠀"


def test_few_values_are_joined_by_straight_lines():
    assert stretch([0.0, 1.0, 0.0], 5) == [0.0, 0.5, 1.0, 0.5, 0.0]
    assert stretch([7.0], 5) == [7.0]
    assert stretch([1.0, 2.0], 2) == [1.0, 2.0]


def test_a_steep_plot_has_no_holes():
    lines = plot([0.0, 9.0], width=1, height=4)
    assert "⠀" not in "".join(line[-1] for line in lines)
