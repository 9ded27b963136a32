"""Durations and amounts of progress."""

import pytest

from models.spec.units import Amount, duration_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90 s", 90), ("1s", 1), ("1 second", 1), ("5 min", 300), ("2 h", 7200), ("1.5 hours", 5400), ("1 day", 86400)],
)
def test_a_duration_is_a_number_with_a_unit_of_time(text, seconds):
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-1 s", "0 s", "1 epoch", "5%", "1 s 2 s", "1e3 s", "nan s", "\u0661 s"]
)
def test_anything_else_is_no_duration(text):
    with pytest.raises(ValueError, match="a duration is a positive number"):
        duration_seconds(text)


@pytest.mark.parametrize(
    ("text", "steps"),
    [("1 epoch", 40), ("2 epochs", 80), ("0.5 epoch", 20), ("500 steps", 500), ("1 step", 1), ("5%", 10), ("0%", 0)],
)
def test_an_amount_of_progress_is_a_number_of_steps_of_a_run(text, steps):
    assert Amount.parse(text).num_steps(total_steps=200, steps_per_epoch=40) == steps


@pytest.mark.parametrize("text", ["", "5", "101%", "-1 epoch", "1 s", "epoch", "1 banana"])
def test_anything_else_is_no_amount(text):
    with pytest.raises(ValueError, match="an amount of progress"):
        Amount.parse(text)
