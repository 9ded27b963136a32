"""JSON is read in one way only, and what is refused is said in words."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.strict_json import MAX_DEPTH, loads
from models.errors import BadRequest

LARGEST = 2**63 - 1

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="ascii")), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_what_the_standard_allows_is_read_as_python_reads_it(document):
    if "\\u0000" in json.dumps(document):
        return
    assert loads(json.dumps(document).encode()) == document
    assert loads(json.dumps(document, ensure_ascii=False).encode()) == document


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(content: bytes):
    with suppress(BadRequest):
        assert json.dumps(loads(content))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b'{"a": NaN}', "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e999]", "1e999"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"x": {"deep": 1, "deep": 1}}', "'deep' stands twice"),
        (b"[9223372036854775808]", "64 bits"),
        (b"[-9223372036854775809]", "64 bits"),
        (b"[" + b"9" * 5_000_000 + b"]", "64 bits"),
        (b"[" * 1_000_000, "deeper than 32"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "deeper than 32"),
        (b'{"data": ', "line 1, column"),
        (b'{"a": 1,}', "line 1, column 9"),
        (b"{'a': 1}", "line 1, column 2"),
        (b"\xff\xfe{}", "UTF-8 at byte 0"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b'{"a": "\\u0000"}', "U+0000"),
        (b'{"\\ud800": 1}', "surrogate"),
        (b'["\x01"]', "line 1"),
        (b"", "line 1"),
        (b"// {}", "line 1"),
    ],
)
def test_what_is_not_strict_is_refused_and_its_place_told(content: bytes, word: str):
    with pytest.raises(BadRequest) as caught:
        loads(content)
    assert word in caught.value.detail
    assert len(caught.value.detail) < 200


def test_the_limits_themselves_are_still_allowed():
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert loads(b"[9223372036854775807, -9223372036854775808]") == [LARGEST, -LARGEST - 1]
    assert json.dumps(loads(deepest)).encode() == deepest
    assert loads('["\\ud83d\\ude00 ä"]'.encode()) == ["😀 ä"]
