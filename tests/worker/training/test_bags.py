"""The bag of words is what scikit-learn makes of the same texts, within bounds."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tests.worker.training.material import CPU, letters, session_for, spec_for
from worker.training.baselines import answers, bag_of_words
from worker.training.baselines.bags import Runs
from worker.training.baselines.linear import logistic
from worker.training.data import prepare
from worker.training.data.tokens import PADDING, UNKNOWN
from worker.training.rows import prepare as prepare_rows
from worker.training.session import open_session


def with_test_rows(name="letters", **sections):
    session = session_for(name, **sections)
    return session, prepare_rows(session.data.test, session.model)


def sentences(session, split):
    """The texts of a part, from its tokens."""
    vocabulary = session.data.recipe["encoding"]["tokenizer"]["vocabulary"]
    rows = split.inputs["tokens"].tolist()
    return [
        " ".join(vocabulary[code - 2] if code > UNKNOWN else "?" for code in row if code != PADDING) for row in rows
    ]


def test_it_is_logistic_regression_on_tf_idf_of_words_and_pairs():
    session, test = with_test_rows(preprocessing={"text": {"min_count": 1}})
    weighting = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\S+")
    inputs = weighting.fit_transform(sentences(session, session.data.train))
    model = LogisticRegression(C=10, max_iter=1000).fit(inputs, session.train.targets.numpy())
    expected = model.predict_proba(weighting.transform(sentences(session, session.data.test)))

    found = bag_of_words(session, test).softmax(1).numpy()

    assert np.allclose(found, expected, atol=1e-3)
    assert session.evaluation.scores(bag_of_words(session, test), test.targets)["accuracy"] > 0.6


def test_letters_are_read_in_runs_of_four_with_ends():
    codes = np.array([[3, 4, 0, 0], [3, 4, 3, 1]])
    runs = Runs(5, longest=3, with_ends=True)

    counts = runs.fit(codes, at_most=100).toarray()

    # what both hold: the beginning twice over, both letters, and their pair, alone and after the beginning
    held = {
        tuple(np.base_repr(key, 6)): column.tolist() for key, column in zip(runs.keys.tolist(), counts.T, strict=True)
    }
    assert held == {
        ("3",): [1, 2],
        ("4",): [1, 1],
        ("5",): [2, 2],
        ("3", "4"): [1, 1],
        ("5", "3"): [1, 1],
        ("5", "3", "4"): [1, 1],
    }


def test_what_is_unknown_breaks_a_run_and_what_is_new_counts_for_nothing():
    runs = Runs(6, longest=2, with_ends=False)
    runs.fit(np.array([[2, 1, 3], [2, 1, 3], [2, 3, 0], [2, 3, 0]]), at_most=100)

    assert runs.keys.tolist() == [2, 3, 2 * 7 + 3]
    assert runs.count(np.array([[2, 3, 4], [5, 5, 5]])).toarray().tolist() == [[1, 1, 1], [0, 0, 0]]


def test_the_rarest_runs_go_first():
    runs = Runs(9, longest=1, with_ends=False)
    runs.fit(np.array([[2, 3, 4], [2, 3, 4], [2, 3, 5], [2, 0, 0]]), at_most=2)
    assert runs.keys.tolist() == [2, 3]


def test_large_data_is_learned_from_a_part_of_the_rows(monkeypatch):
    session, test = with_test_rows()
    whole = bag_of_words(session, test)
    monkeypatch.setattr("worker.training.baselines.bags.MAX_ROWS", 30)
    assert not np.allclose(bag_of_words(session, test), whole)


@pytest.mark.parametrize("tokenizer", ["word", "char", "bpe"])
def test_texts_have_it_and_no_regression_on_codes(tokenizer):
    session, test = with_test_rows(preprocessing={"text": {"tokenizer": tokenizer}}, network="mlp")
    told = dict(answers(session, test))
    assert list(told) == ["majority", "bag_of_words"]
    assert told["bag_of_words"].shape == (len(test), 3)
    assert logistic(session, test) is None


def test_data_without_a_text_has_none():
    assert bag_of_words(*with_test_rows("flowers")) is None


def test_a_class_without_training_rows_is_never_predicted():
    source = letters()
    source.labels[:4] = 3
    source.classes.append("empty")
    parts = np.array([0] * 80 + [1] * 20 + [2] * 20, np.int8)
    parts[:4] = 2
    official = type(source)(source.texts, source.labels, source.classes, parts)
    spec = spec_for("letters", official)
    session = open_session(spec, prepare(spec, official, device=CPU), device=CPU)
    outputs = bag_of_words(session, prepare_rows(session.data.test, session.model))
    assert outputs.shape[1] == 4
    assert (outputs.argmax(1) != 3).all()
