"""Texts on their way to tokens: fitted on the training rows, equal in prediction, and honest about what was lost."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from models.errors import InvalidData, InvalidRow
from models.formats.sources import Texts
from worker.training.data import restore
from worker.training.data.text_encoding import MAX_AUTO_LENGTH
from worker.training.data.tokens import PADDING, UNKNOWN

ANIMALS = ("cat", "dog", "bee")


def stories(num: int = 60, *, split=None) -> Texts:
    """Each its own number, and the animal of its class."""
    texts = [f"Story {number}: a {ANIMALS[number % 3]} and a {ANIMALS[number % 3]}." for number in range(num)]
    return Texts(texts, np.arange(num) % 3, list(ANIMALS), split)


def test_texts_become_rows_of_tokens(prepared):
    data = prepared(stories())

    raw = data.train.inputs["tokens"]
    assert (raw.dtype, tuple(raw.shape)) == (torch.int32, (42, 9))
    assert data.preprocessing(data.train.inputs)["tokens"].dtype == torch.int64
    vocabulary = data.recipe["encoding"]["tokenizer"]["vocabulary"]
    assert vocabulary[:4] == ["a", ".", ":", "and"]
    assert data.signature.kind == "text"
    assert data.signature.text == (9, len(vocabulary) + 2)
    assert (data.signature.num_outputs, data.signature.classes) == (3, ANIMALS)
    assert data.report["splits"] == {"train": 42, "validation": 9, "test": 9}
    assert data.report["classes"]["train"] == {"cat": 14, "dog": 14, "bee": 14}


def test_words_that_no_training_row_has_never_enter_the_vocabulary(prepared):
    source = stories(split=np.array([0] * 40 + [1] * 10 + [2] * 10, np.int8))
    texts = [text if place < 40 else f"{text} canary canary" for place, text in enumerate(source.texts)]

    data = prepared(Texts(texts, source.labels, source.classes, source.split))

    assert "canary" not in json.dumps(data.recipe)
    assert data.test.inputs["tokens"][:, -2:].unique().tolist() == [UNKNOWN]
    assert data.signature.text[0] == 9 + 0  # nor do they make the rows longer
    shares = data.report["text"]["unknown_share"]
    assert shares["test"] > shares["train"]


@pytest.mark.parametrize("kind", ["word", "char", "bpe"])
def test_prediction_tokenises_as_training_did(prepared, kind):
    odd = ["", "  e\u0301 👩‍👩‍👧 ", "שלום עולם", "a\0b", "हिन्दी में", "İ ẞ ﬁ", "漢字"]
    source, split = stories(), (np.arange(60) // 3 % 3).astype(np.int8)
    texts = [odd[place % 7] + text for place, text in enumerate(source.texts)]
    data = prepared(
        Texts(texts, source.labels, source.classes, split),
        preprocessing={"text": {"tokenizer": kind, "max_length": 20}},
        cleaning={"duplicates": "keep"},
    )

    encoding, preprocessing = restore(json.loads(json.dumps(data.recipe)))

    rows = [{"text": text} for text in texts]
    again = preprocessing(encoding.encode(rows))["tokens"]
    for number, part in enumerate((data.train, data.validation, data.test)):
        assert torch.equal(again[split == number], part.inputs["tokens"].long())
    assert encoding.fields == ("text",)


def test_max_length_and_its_auto(prepared):
    many = Texts([f"w{place % 2} " * (place + 1) for place in range(200)], np.arange(200) % 2, ["a", "b"])

    lengths = [len(text.split()) for text in many.texts]
    auto = prepared(many)
    three = prepared(many, preprocessing={"text": {"max_length": 3}})

    trained = auto.report["text"]["length"]
    assert np.quantile(lengths, 0.9) < trained < max(lengths)
    assert auto.report["text"]["shortened"] == sum(length > trained for length in lengths)
    assert three.train.inputs["tokens"].shape == (140, 3)
    longest = Texts(["w " * 5000 + str(place) for place in range(20)], np.arange(20) % 2, ["a", "b"])
    assert prepared(longest).signature.text[0] == MAX_AUTO_LENGTH


def test_short_texts_are_read_whole(prepared):
    mostly_short = Texts(
        ["w " * (40 if place == 0 else 2) + "x" * place for place in range(60)], np.arange(60) % 2, ["a", "b"]
    )
    assert prepared(mostly_short).report["text"]["shortened"] == 0


def test_texts_without_tokens_train_as_one_unknown_token_and_are_told(prepared):
    source = stories()
    texts = ["" if place < 9 else text for place, text in enumerate(source.texts)]

    data = prepared(Texts(texts, source.labels, source.classes), cleaning={"duplicates": "keep"})

    assert data.report["text"]["without_tokens"] == 9
    assert "9 texts hold no token at all" in data.report["warnings"]
    rows = torch.cat([part.inputs["tokens"] for part in (data.train, data.validation, data.test)])
    assert (rows != PADDING).any(dim=1).all()
    assert int(((rows[:, 0] == UNKNOWN) & (rows[:, 1] == PADDING)).sum()) == 9


def test_texts_of_blanks_alone_are_refused(prepared):
    with pytest.raises(InvalidData, match="hold no token"):
        prepared(Texts([" " * place for place in range(1, 61)], np.arange(60) % 2, ["a", "b"]))


def test_texts_of_one_class_are_refused(prepared):
    with pytest.raises(InvalidData, match="one class"):
        prepared(Texts(stories().texts, np.zeros(60, np.int64), ["a", "b"]))


def test_equal_texts_stay_on_one_side_or_are_dropped_and_contradictions_cap_the_accuracy(prepared):
    once = stories(30)
    twice = Texts(once.texts * 2, np.concatenate([once.labels, once.labels]), once.classes)
    torn = Texts(once.texts * 2, np.concatenate([once.labels, (once.labels + 1) % 3]), once.classes)

    together, dropped = prepared(twice), prepared(twice, cleaning={"duplicates": "drop"})

    assert (together.report["duplicates"], together.report["duplicates_across_splits"]) == (30, 0)
    assert (dropped.report["rows_dropped"], dropped.report["rows_used"]) == ({"duplicates": 30}, 30)
    assert prepared(torn).report["accuracy_ceiling"] == 0.5


def test_texts_are_compared_as_cleaning_leaves_them(prepared):
    once = stories(30)
    again = [f" {text.replace('Story', 'STORY')} " for text in once.texts]
    nearly = Texts(once.texts + again, np.concatenate([once.labels, once.labels]), once.classes)

    assert prepared(nearly).report["duplicates"] == 0
    assert prepared(nearly, cleaning={"text": {"case": "lower"}}).report["duplicates"] == 30


@pytest.mark.parametrize(("how", "dropped", "relabelled"), [("drop", True, False), ("majority", False, True)])
def test_contradicting_texts_are_dropped_or_outvoted_in_training_alone(prepared, how, dropped, relabelled):
    once = stories(30)
    labels = np.concatenate([once.labels, once.labels, (once.labels + (np.arange(30) < 10)) % 3])
    torn = Texts(once.texts * 3, labels, once.classes)

    report = prepared(torn, cleaning={"conflicting_labels": how}).report

    assert ("conflicting_labels" in report["rows_dropped"]) == dropped
    assert bool(report["relabelled_rows"]) == relabelled


def test_blanks_around_a_text_are_letters_only_where_they_stay(prepared):
    padded = Texts([f"  {text}" for text in stories().texts], stories().labels, list(ANIMALS))
    by_letter = {"preprocessing": {"text": {"tokenizer": "char"}}}

    stripped = prepared(padded, **by_letter)
    kept = prepared(padded, **by_letter, cleaning={"text": {"strip": False}})

    assert kept.signature.text[0] == stripped.signature.text[0] + 2
    encoding, _ = restore(stripped.recipe)
    assert torch.equal(encoding.encode([{"text": " a "}])["tokens"], encoding.encode([{"text": "a"}])["tokens"])


@pytest.mark.parametrize("kind", ["word", "char", "bpe"])
def test_composed_and_decomposed_accents_are_one_unless_cleaning_leaves_them(prepared, kind):
    source = stories()
    accented = Texts([f"café {text}" for text in source.texts], source.labels, source.classes)
    sections = {"preprocessing": {"text": {"tokenizer": kind}}}

    composed, _ = restore(prepared(accented, **sections).recipe)
    asis, _ = restore(prepared(accented, **sections, cleaning={"text": {"unicode": "none"}}).recipe)

    twins = [{"text": "café"}, {"text": "cafe\u0301"}]
    assert torch.equal(*composed.encode(twins)["tokens"])
    assert not torch.equal(*asis.encode(twins)["tokens"])


def test_the_case_of_cleaning_and_that_of_tokens_are_two_choices(prepared):
    source = stories()
    shouted = Texts([text.upper() for text in source.texts], source.labels, source.classes)
    kept = {"text": {"lowercase": False}}

    vocabularies = [
        prepared(shouted, preprocessing=how, cleaning={"text": {"case": case}}).recipe["encoding"]["tokenizer"][
            "vocabulary"
        ]
        for how, case in ((kept, "keep"), (kept, "lower"), ({}, "keep"))
    ]

    assert ["CAT" in vocabulary for vocabulary in vocabularies] == [True, False, False]


def test_unknown_words_are_counted_and_warned_of(prepared):
    strange = Texts([f"unique{place} x{place}" for place in range(60)], np.arange(60) % 2, ["a", "b"])

    data = prepared(strange, preprocessing={"text": {"min_count": 1, "tokenizer": "word"}})

    assert data.report["text"]["unknown_share"] == {"train": 0.0, "validation": 1.0, "test": 1.0}
    assert (
        "100% of the tokens of the validation texts are unknown; with bpe or char there would be fewer"
        in (data.report["warnings"])
    )


@pytest.mark.parametrize("row", [{}, {"text": None}, {"text": 5}, {"text": ["a"]}])
def test_rows_without_a_text_are_named(prepared, row):
    encoding, _ = restore(prepared(stories()).recipe)

    with pytest.raises(InvalidRow, match="no text") as caught:
        encoding.encode([{"text": "fine"}, row])
    assert (caught.value.row, caught.value.field) == (1, "text")


def test_texts_of_strangers_count_as_unseen(prepared):
    encoding, _ = restore(prepared(stories()).recipe)

    tensors = encoding.encode([{"text": "a cat"}, {"text": "zzz"}, {"text": ""}, {"text": "a zzz"}])

    assert encoding.unusual(tensors).unseen == {"text": 2}


def letters(num: int = 60) -> dict[str, list]:
    """A table with a text, a number, a category and a class."""
    source = stories(num)
    return {
        "body": source.texts,
        "length": [float(len(text)) for text in source.texts],
        "sender": ["x" if number % 2 else "y" for number in range(num)],
        "kind": [ANIMALS[label] for label in source.labels],
    }


def test_a_text_column_alone_is_a_text(prepared):
    data = prepared({name: letters()[name] for name in ("body", "kind")}, data={"target": "kind"})

    assert data.signature.kind == "text"
    assert list(data.train.inputs) == ["tokens"]
    encoding, preprocessing = restore(json.loads(json.dumps(data.recipe)))
    assert encoding.fields == ("body",)
    inputs = preprocessing(encoding.encode([{"body": " Story 1: a cat and a cat.\t"}, {"body": None}, {}]))
    assert (inputs["tokens"].dtype, inputs["tokens"].shape[0]) == (torch.int64, 3)
    assert inputs["tokens"][1:, :2].tolist() == [[UNKNOWN, PADDING]] * 2


def test_a_text_beside_columns_keeps_them(prepared):
    columns = {"body": "text", "*": "auto"}
    data = prepared(letters(), data={"target": "kind", "features": columns})

    assert data.signature.kind == "table"
    assert set(data.train.inputs) == {"tokens", "numbers", "categories"}
    assert (data.signature.num_numbers, len(data.signature.cardinalities)) == (1, 1)
    encoding, preprocessing = restore(json.loads(json.dumps(data.recipe)))
    row = {name: values[0] for name, values in letters().items()}
    assert set(preprocessing(encoding.encode([row]))) == {"tokens", "numbers", "categories"}


def test_missing_cells_of_a_text_are_counted(prepared):
    table = letters()
    table["body"] = [None if place % 5 == 0 else text for place, text in enumerate(table["body"])]

    data = prepared(table, data={"target": "kind", "features": {"body": "text"}}, cleaning={"duplicates": "keep"})

    assert data.report["filled"]["body"] > 0
    assert data.report["text"]["without_tokens"] == 12


def test_a_number_is_predicted_from_a_text(prepared):
    data = prepared(letters(), task="regression", data={"target": "length", "features": {"body": "text"}})

    assert (data.signature.kind, data.signature.task, data.signature.num_outputs) == ("text", "regression", 1)
