"""Numbers and times as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import nan

import pytest

from trainyard import Queue
from trainyard.terminal import words


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0.04, "0.0 s"), (59.94, "59.9 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_durations(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("num_bytes", "text"), [(None, "-"), (999, "999 B"), (3_974_305, "4.0 MB"), (2e9, "2.0 GB"), (3e15, "3000.0 TB")]
)
def test_sizes(num_bytes, text):
    assert words.size(num_bytes) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, "-"), (0.123456, "0.1235"), (12345.6, "12,346"), (3e-05, "3e-05"), (2e12, "2e+12"), (nan, "nan")],
)
def test_values(number, text):
    assert words.value(number) == text


@pytest.mark.parametrize(("ago", "text"), [(5, "5 s"), (125, "2 min"), (7300, "2 h"), (200_000, "2 d"), (-5, "0 s")])
def test_ages(ago, text):
    assert words.age(datetime.now(UTC) - timedelta(seconds=ago)) == text


def test_counts_and_several_metrics():
    assert words.count(1234567) == "1,234,567"
    assert words.values({"accuracy": 0.98, "loss": 0.1}) == "accuracy 0.98 · loss 0.1"


def test_why_a_job_waits():
    assert words.waiting(Queue(ahead=1200, reason="busy")) == "1,200 ahead, waiting for a worker"
    assert words.waiting(Queue(ahead=0, reason="no_worker")) == "no worker is alive"
    assert words.waiting(Queue(reason="solar_flare")) == "solar_flare"
    told = words.waiting(Queue(ahead=1, reason="busy", eta_seconds=90.0))
    assert told == "1 ahead, waiting for a worker, begins in about 1 min 30 s"


def test_an_unknown_status_is_shown_as_it_is():
    assert words.status("succeeded") == "[green]succeeded[/]"
    assert words.status("dreaming") == "dreaming"
