"""JSON as it is stored: compact, strict, and read back as it was written."""

import json
import math

import pytest

from models.json_text import decode, encode


def test_a_document_is_compact_and_comes_back_as_it_was() -> None:
    document = {"name": "Größe \U0001f600", "rates": [1e-05, 0.1, 1e22, -0.0, 2**63 - 1], "none": None, "yes": True}
    text = encode(document)
    assert text.startswith('{"name":"Größe \U0001f600","rates":[')
    assert json.loads(text) == decode(text) == document
    assert decode(None) is None


def test_numbers_that_are_none_are_told_by_their_names_wherever_they_stand() -> None:
    assert encode([math.nan, {"a": math.inf}, (-math.inf,)]) == '["NaN",{"a":"Infinity"},["-Infinity"]]'


def test_what_json_has_no_word_for_is_refused() -> None:
    with pytest.raises(TypeError):
        encode({"thing": object()})
