"""Tags and preferences, read as the standards write them."""

import pytest

from api.conditional import Representation, Wait, is_known, require, strong_etag, wait_preference
from models.errors import BadRequest, PreconditionFailed

TAG = strong_etag(b"content")


def test_a_tag_is_strong_and_depends_on_the_content_alone():
    assert strong_etag(b"content") == TAG
    assert strong_etag(b"content ") != TAG
    assert TAG.startswith('"')
    assert TAG.endswith('"')


def test_a_representation_carries_its_own_tag():
    shown = Representation.of({"a": 1})
    assert shown.etag == strong_etag(b'{"a":1}')
    assert shown.content == b'{"a":1,"etag":"\\"' + shown.etag.strip('"').encode() + b'\\""}'


@pytest.mark.parametrize("header", [TAG, f"W/{TAG}", "*", f'"a", {TAG}', f'"a",W/"b" , {TAG} ', f" {TAG}"])
def test_a_known_tag_is_recognised_in_every_form(header: str):
    assert is_known(TAG, header)


@pytest.mark.parametrize("header", [None, '"other"', 'W/"other", "another"', '""'])
def test_other_tags_are_not(header: str | None):
    assert not is_known(TAG, header)


@pytest.mark.parametrize("header", ["abc", '"abc', '"a" "b"', "W/", '"a", b', ","])
def test_malformed_tags_are_refused(header: str):
    with pytest.raises(BadRequest, match="quoted tags"):
        is_known(TAG, header)


@pytest.mark.parametrize("header", [None, "*", TAG, f'"a", {TAG}'])
def test_a_condition_that_holds_lets_pass(header: str | None):
    require(TAG, header)
    assert header is None or header == "*" or TAG in header


@pytest.mark.parametrize("header", ['"other"', f"W/{TAG}", ""])
def test_a_condition_that_does_not_hold_stops(header: str):
    with pytest.raises(PreconditionFailed):
        require(TAG, header)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=30", 30),
        ("respond-async, wait=10", 10),
        ('Wait = "5"; x=y', 5),
        ("wait=0", 0),
        ("wait=61", 60),
        ("wait=999999999", 60),
        ("return=minimal", None),
        ("await=5", None),
        ("", None),
        (None, None),
    ],
)
def test_a_preference_to_wait_is_read_and_cut_to_a_minute(header: str | None, seconds: int | None):
    assert wait_preference(header) == (None if seconds is None else Wait(seconds))


@pytest.mark.parametrize("header", ["wait=soon", "wait=-1", "wait=1.5", "wait=", "wait=9999999999"])
def test_a_wait_that_is_no_number_is_refused(header: str):
    with pytest.raises(BadRequest, match="whole seconds"):
        wait_preference(header)
