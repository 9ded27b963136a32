"""What `auto` means for texts, and which columns can be read as one."""

import pytest

from models.errors import InvalidSpec
from models.profile import ColumnProfile, Lengths, Profile, TextShape
from models.spec import document, parse, resolve


def texts(*, words: int = 300, **more) -> Profile:
    shape = TextShape(
        characters=Lengths(median=6 * words, most=9 * words, longest=20 * words),
        words=Lengths(median=words, most=2 * words, longest=4 * words),
    )
    return Profile(kind="texts", rows=1000, classes={"a": 500, "b": 500}, text=shape, **more)


def column(name, kind, *, unique=100):
    return ColumnProfile(name=name, type=kind, missing=0, unique=unique)


TABLE = Profile(
    kind="table",
    rows=1000,
    columns=(
        column("kind", "category", unique=3),
        column("subject", "text"),
        column("body", "text"),
        column("sender", "category"),
        column("length", "number"),
        column("day", "datetime"),
    ),
)


def resolved(profile, **spec):
    return resolve(parse({**spec, "data": {"dataset": "ds_1", **spec.get("data", {})}}), profile)


def mistakes(profile, **spec):
    with pytest.raises(InvalidSpec) as caught:
        resolved(profile, **spec)
    return {error.pointer: error.detail for error in caught.value.errors}


def test_texts_are_classified_by_their_words_and_a_linear_layer():
    spec = resolved(texts())

    assert (spec.task, spec.preprocessing.text.tokenizer) == ("classification", "word")
    assert (spec.network.type, spec.network.hidden, spec.network.embedding_dim) == ("mlp", (), 64)
    assert spec.data.split.type == "stratified"
    assert parse(document(spec)) == spec
    assert resolve(spec, texts()) == spec


def test_names_are_classified_by_their_letters_in_order():
    spec = resolved(texts(words=1))

    assert spec.preprocessing.text.tokenizer == "char"
    assert (spec.network.type, spec.network.bidirectional) == ("gru", True)
    assert resolved(texts(words=20), preprocessing={"text": {"tokenizer": "char"}}).network.type == "mlp"
    assert resolved(texts(words=2)).preprocessing.text.tokenizer == "char"
    assert resolved(texts(words=3)).preprocessing.text.tokenizer == "word"


@pytest.mark.parametrize("network", ["mlp", "rnn", "lstm", "gru", "tcn", "transformer"])
def test_what_reads_tokens_can_be_asked_for(network):
    assert resolved(texts(), network=network).network.type == network


def test_a_tokenizer_and_a_network_that_are_asked_for_stay():
    spec = resolved(texts(), preprocessing={"text": {"tokenizer": "bpe"}}, network={"type": "mlp"})

    assert spec.preprocessing.text.tokenizer == "bpe"
    assert spec.network.hidden == (256, 128)


@pytest.mark.parametrize(
    ("spec", "pointer", "detail"),
    [
        ({"network": "cnn"}, "#/network/type", "cnn does not read this data (text)"),
        ({"task": "regression"}, "#/task", "must be classification for texts"),
        ({"data": {"target": "kind"}}, "#/data/target", "has no meaning for texts"),
        ({"data": {"features": {"subject": "text"}}}, "#/data/features/subject", "texts have no columns"),
        (
            {"preprocessing": {"text": {"tokenizer": "bpe", "max_tokens": 255}}},
            "#/preprocessing/text/max_tokens",
            "bpe needs at least 256: one per byte",
        ),
    ],
)
def test_what_does_not_fit_texts_is_named(spec, pointer, detail):
    found = mistakes(texts(), **spec)

    assert list(found) == [pointer]
    assert detail in found[pointer]


def test_texts_of_one_class_have_nothing_to_teach():
    lonely = texts().model_copy(update={"classes": {"a": 1000}})
    assert mistakes(lonely) == {"#/data/target": "has one class only; there is nothing to learn"}


def test_a_text_column_is_read_where_it_is_asked_for_or_alone():
    alone = resolved(TABLE, data={"target": "kind", "features": {"body": "text"}})
    beside = resolved(TABLE, data={"target": "kind", "features": {"body": "text", "*": "auto"}})
    left = resolved(TABLE, data={"target": "kind", "ignore": ["subject", "sender", "length"]})

    assert {name: feature.type for name, feature in alone.data.features.items()} == {"body": "text"}
    assert (alone.network.hidden, alone.preprocessing.text.tokenizer) == ((), "word")
    assert set(beside.data.features) == {"body", "sender", "length"}
    assert (beside.network.type, beside.network.embedding_dim) == ("mlp", 64)
    assert left.data.features == alone.data.features
    assert resolve(left, TABLE) == left


def test_a_column_of_names_is_read_by_the_letter():
    spec = resolved(TABLE, data={"target": "kind", "features": {"sender": "text"}})
    assert (spec.preprocessing.text.tokenizer, spec.network.type) == ("char", "gru")


def test_a_recurrent_network_reads_a_text_and_forecasts_numbers():
    text = {"target": "kind", "features": {"body": "text"}}
    assert resolved(TABLE, data=text, network="lstm").task == "classification"
    assert resolved(TABLE, data={**text, "target": "length"}, network="lstm").task == "regression"
    assert resolved(TABLE, data={"target": "length"}, network="lstm").task == "forecasting"


@pytest.mark.parametrize(
    ("spec", "pointer", "detail"),
    [
        (
            {"features": {"length": "text"}},
            "#/data/features/length",
            "cannot be read as a text: it holds number values",
        ),
        ({"features": {"day": "text"}}, "#/data/features/day", "cannot be read as a text: it holds datetime values"),
        (
            {"features": {"subject": "text", "body": "text"}},
            "#/data/features/body",
            "is a second text beside 'subject'",
        ),
        ({"ignore": ["sender", "length"]}, "#/data/features", "leave no column to learn from"),
    ],
)
def test_columns_that_are_no_single_text_are_named(spec, pointer, detail):
    found = mistakes(TABLE, data={"target": "kind", **spec})

    assert list(found) == [pointer]
    assert detail in found[pointer]


def test_a_text_beside_columns_is_for_networks_that_read_both():
    both = {"target": "kind", "features": {"body": "text", "length": "number"}}
    assert "(mixed); these do: mlp" in mistakes(TABLE, data=both, network="lstm")["#/network/type"]


def test_a_forecast_reads_no_text():
    series = {"target": "length", "features": {"body": "text"}}
    detail = "a forecast reads no texts, but numbers, categories and times"
    assert mistakes(TABLE, task="forecasting", data=series) == {"#/data/features/body": detail}
