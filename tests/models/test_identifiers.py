"""Identifiers and times: unique, in order, and exact on the wire."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.clock import parse_rfc3339, rfc3339
from models.identifiers import created_at, is_id, new_id


def test_identifiers_rise_within_a_process_and_never_repeat() -> None:
    made = [new_id("job") for _ in range(5000)]
    assert made == sorted(made)
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: new_id("job"), range(5000)))) == 5000


def test_an_identifier_is_a_version_7_uuid_that_knows_its_time() -> None:
    before = time.time()
    identifier = new_id("ds")
    value = uuid.UUID(identifier.removeprefix("ds_"))
    assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert before - 0.1 <= created_at(identifier) <= time.time() + 0.1


@pytest.mark.parametrize("text", ["job_1", "ds_00000000-0000-7000-8000-000000000000", "job_", "", "job_" + "0" * 32])
def test_what_has_not_the_form_of_a_job_id_is_told_apart(text: str) -> None:
    assert not is_id(text, "job")
    assert is_id(new_id("job"), "job")


def test_times_are_rfc_3339_in_utc() -> None:
    assert rfc3339(0.25) == "1970-01-01T00:00:00.250000Z"
    assert rfc3339(None) is None
    assert parse_rfc3339("1970-01-01T01:00:00+01:00") == 0.0
    with pytest.raises(ValueError, match="offset"):
        parse_rfc3339("2026-11-22T10:00:00")
