"""Reading JSON documents that are older, newer or stranger than this client."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from math import inf, isnan

import pytest

from trainyard import JobRecord, Key, MetricSummary, Result, Series


def test_unknown_fields_are_kept():
    record = JobRecord.parse({"id": "job_1", "mood": "sunny", "progress": {"fraction": 0.5, "laps": 3}})
    assert record.extra == {"mood": "sunny"}
    assert record.progress.extra == {"laps": 3}
    assert record.raw["mood"] == "sunny"


def test_missing_fields_and_nulls_have_their_defaults():
    record = JobRecord.parse({"id": "job_1", "progress": None, "attempts": None})
    assert (record.status, record.progress.fraction, record.attempts, record.result) == ("", None, (), None)


def test_times_are_aware():
    record = JobRecord.parse({"created_at": "2026-11-22T10:20:30.123456Z"})
    assert record.created_at == datetime(2026, 11, 22, 10, 20, 30, 123456, tzinfo=UTC)
    assert record.created_at.tzinfo is not None


def test_numbers_that_json_cannot_write_are_numbers_here():
    summary = MetricSummary.parse({"min": "-Infinity", "max": "Infinity", "last": {"step": 3, "value": "NaN"}})
    assert (summary.min, summary.max) == (-inf, inf)
    assert isnan(summary.last.value)
    series = Series.parse({"value": [1, "NaN", None]})
    assert series.value[0] == 1.0
    assert all(map(isnan, series.value[1:]))


def test_nested_documents_are_read_too():
    result = Result.parse({"baselines": [{"name": "majority", "test": {"accuracy": 0.1}}], "test": {"auc": None}})
    assert result.baselines[0].test == {"accuracy": 0.1}
    assert result.test == {"auc": None}


def test_records_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        JobRecord.parse({"id": "job_1"}).status = "succeeded"


def test_a_secret_is_not_shown_by_accident():
    assert "ty_a_b" not in repr(Key.parse({"id": "key_1", "key": "ty_a_b"}))


def test_a_result_says_how_sure_it_is():
    document = {"test_intervals": {"accuracy": [0.9, 1]}, "standing": "on_a_par", "verdict": "It could be chance."}
    result = Result.parse(document)
    assert result.test_intervals == {"accuracy": (0.9, 1.0)}
    assert (result.standing, result.verdict) == ("on_a_par", "It could be chance.")
