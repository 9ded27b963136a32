"""Tokenizers: what a token is, which codes it gets, and that a restored one gives the same."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tokenizers import Tokenizer as Reference

from models.errors import InvalidData
from models.spec.preprocessing import Text
from worker.training.data import tokens
from worker.training.data.tokens import NUM_RESERVED_TOKENS, PADDING, UNKNOWN
from worker.training.data.tokens.codes import padded, shortened, spelled
from worker.training.data.tokens.words import words_of

KINDS = ("word", "char", "bpe")
ODD = [
    "",
    " \t\n\u2003",
    "naïve café",
    "nai\u0308ve cafe\u0301",
    "👩‍👩‍👧‍👦 🏳️‍🌈 ❤️!",
    "हिन्दी में लिखा",
    "مرحبا بالعالم ١٢٣",
    "שָׁלוֹם",
    "İstanbul ISSIZ ẞ ﬁ Ǆ",
    "a\0b\x1b[31m\ufeff\u200b",
    "\ud800 lone \udfff",
    "漢字かな交じり文",
    "<unknown> [PAD] <s> [UNK]",
    "x" * 5000,
]


def spec(kind: str = "word", **options) -> Text:
    return Text(tokenizer=kind, **{"min_count": 1, **options})


def test_words_are_coded_by_frequency_and_ties_by_spelling():
    found = tokens.fit(["b a b c", "B a d"], spec())

    assert found.vocabulary == ("b", "a", "c", "d")
    assert [row.tolist() for row in found.codes(["a b", "D, e"])] == [[3, 2], [5, UNKNOWN, UNKNOWN]]
    assert found.num_codes == 6


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's 5 o'clock, isn\u2019t it?", ["It's", "5", "o'clock", ",", "isn\u2019t", "it", "?"]),
        ("well-known...", ["well", "-", "known", ".", ".", "."]),
        ("'quoted' snake_case", ["'", "quoted", "'", "snake_case"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("cafe\u0301 👍🏽", ["cafe\u0301", "👍", "🏽"]),
        ("a\0b", ["a", "\0", "b"]),
    ],
)
def test_words_keep_marks_and_apostrophes_and_every_other_sign_is_alone(text, words):
    assert words_of(text) == words


def test_what_stands_between_blanks_is_never_joined():
    text = "a\u00a0b\u2003c\x1cd\u3000e"

    assert words_of(text) == text.split() == ["a", "b", "c", "d", "e"]


def test_letters_are_code_points_blanks_too():
    found = tokens.fit(["aab ", "é"], spec("char"))

    assert found.vocabulary == ("a", " ", "b", "é")
    assert found.codes(["b a"])[0].tolist() == [4, 3, 2]
    assert found.codes(["éz"])[0].tolist() == [5, UNKNOWN]


def test_byte_pairs_are_those_of_the_library_behind_the_reserved_codes():
    texts = ["low lower lowest", "new newer newest", "wide wider widest"] * 5

    found = tokens.fit(texts, spec("bpe", max_tokens=270))

    reference = Reference.from_str(found.document()["tokenizer"])
    codes = found.codes(["newest low"])[0]
    assert (codes - NUM_RESERVED_TOKENS).tolist() == reference.encode("newest low").ids
    assert reference.decode((codes - NUM_RESERVED_TOKENS).tolist()) == "newest low"
    assert found.num_codes == 270 + NUM_RESERVED_TOKENS
    assert len(codes) < len("newest low")


def test_byte_pairs_know_every_text_and_no_text_is_a_sign_of_theirs():
    found = tokens.fit(["plain words"], spec("bpe"))

    for row in found.codes([text for text in ODD if text]):
        assert row.min() >= NUM_RESERVED_TOKENS


@pytest.mark.parametrize("kind", KINDS)
def test_a_restored_tokenizer_gives_the_same_codes_for_odd_texts(kind):
    found = tokens.fit([*ODD, "some plain words"], spec(kind))

    restored = tokens.restored(json.loads(json.dumps(found.document())))

    assert restored == found
    for mine, other in zip(found.codes(ODD), restored.codes(ODD), strict=True):
        assert mine.dtype == np.int32
        assert np.array_equal(mine, other)
    assert [len(row) == 0 for row in found.codes(ODD[:1])] == [True]


@pytest.mark.parametrize("kind", KINDS)
def test_fitting_twice_gives_the_same(kind):
    assert tokens.fit(ODD, spec(kind)).document() == tokens.fit(ODD, spec(kind)).document()


@pytest.mark.parametrize("kind", KINDS)
def test_capitals_count_only_where_lowercase_is_off(kind):
    texts = ["Aa Aa aa"] * 3
    small, both = tokens.fit(texts, spec(kind)), tokens.fit(texts, spec(kind, lowercase=False))

    assert np.array_equal(*small.codes(["Aa", "aa"]))
    assert not np.array_equal(*both.codes(["Aa", "aa"]))


@pytest.mark.parametrize("kind", ["word", "char"])
def test_only_the_most_frequent_tokens_stay_and_rare_ones_are_unknown(kind):
    texts = ["a a a b b c"]

    few = tokens.fit(texts, spec(kind, max_tokens=1, lowercase=True))
    often = tokens.fit(texts, spec(kind, min_count=2))

    assert (few.num_codes, "c" in often.vocabulary, "b" in often.vocabulary) == (3, False, True)


def test_rare_pairs_are_not_merged():
    texts = ["ab ab ab cd"]
    assert tokens.fit(texts, spec("bpe", min_count=4)).num_codes == 256 + NUM_RESERVED_TOKENS
    assert tokens.fit(texts, spec("bpe", min_count=2)).num_codes > 256 + NUM_RESERVED_TOKENS


@pytest.mark.parametrize("kind", KINDS)
def test_texts_without_tokens_are_refused(kind):
    with pytest.raises(InvalidData, match="hold no token"):
        tokens.fit(["", ""], spec(kind))


def test_tokens_that_are_all_rare_are_told():
    with pytest.raises(InvalidData, match="hold no token that occurs 2 times or more"):
        tokens.fit(["every word once"], spec(min_count=2))


def test_long_rows_keep_the_first_quarter_and_the_last_three():
    codes = np.arange(100, 120, dtype=np.int32)

    assert shortened(codes, length=8).tolist() == [100, 101, 114, 115, 116, 117, 118, 119]
    assert shortened(codes, length=20) is codes
    assert shortened(codes, length=1).tolist() == [119]


def test_rows_are_padded_on_the_right_and_none_is_empty():
    rows = [np.array([5, 6], np.int32), np.array([], np.int32), np.arange(2, 9, dtype=np.int32)]

    assert padded(rows, length=4).tolist() == [
        [5, 6, PADDING, PADDING],
        [UNKNOWN, PADDING, PADDING, PADDING],
        [2, 6, 7, 8],
    ]
    assert padded([], length=4).shape == (0, 4)


def test_a_text_has_one_spelling():
    assert spelled("Café \ud800", lowercase=False) == "Café ?"
    assert spelled("ÉCOLE", lowercase=True) == "école"


def test_a_run_of_letters_without_end_is_merged_in_pieces():
    run = "ab" * 2000  # merging takes time by the square of what is merged: a megabyte would take hours

    found = tokens.fit([run, run], spec("bpe", max_tokens=1000))

    assert len(found.codes([run])[0]) == -(-len(run) // 256)
