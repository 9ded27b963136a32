"""Boosted trees beside a table are those of scikit-learn, on the raw columns."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from tests.worker.training.material import session_for
from worker.training.baselines import trees
from worker.training.baselines.trees import boosted_trees, columns
from worker.training.rows import Rows, prepare


def with_test_rows(name, **sections):
    session = session_for(name, **sections)
    return session, prepare(session.data.test, session.model)


def raw(split):
    return columns(Rows(split.inputs, split.targets, is_ready=False))


def test_they_are_scikit_learns():
    session, test = with_test_rows("flowers")
    theirs = HistGradientBoostingClassifier(categorical_features=[4], early_stopping=False, random_state=42)
    with threadpool_limits(1):
        theirs.fit(raw(session.data.train), session.data.train.targets.numpy())
    expected = theirs.predict_proba(raw(session.data.test))
    assert boosted_trees(session, test).softmax(1).numpy() == pytest.approx(expected, abs=1e-5)


def test_they_see_raw_numbers_with_gaps_and_categories():
    session, _ = with_test_rows("flowers")
    matrix = raw(session.data.train)
    assert matrix.shape[1] == 5
    assert np.isnan(matrix[:, :4]).any()


def test_they_answer_numbers_in_standardised_units():
    session, test = with_test_rows("prices")
    answers = boosted_trees(session, test)
    assert answers.shape == (len(test), 1)
    assert session.evaluation.scores(answers, test.targets)["r2"] > 0.8


def test_they_do_not_look_at_the_test_rows():
    session, test = with_test_rows("flowers")
    before = boosted_trees(session, test)
    test.targets.fill_(0)
    session.data.validation.targets.fill_(0)
    assert torch.equal(boosted_trees(session, test), before)


def test_a_class_without_training_rows_is_never_predicted():
    session, test = with_test_rows("flowers")
    session.data.train.targets[session.data.train.targets == 1] = 0
    answers = boosted_trees(session, test)
    assert answers.shape == (len(test), 3)
    assert not (answers.argmax(1) == 1).any()


@pytest.mark.parametrize(("rounds", "classes"), [(10, 30), (100, 2)])
def test_the_trees_of_all_classes_are_bounded(rounds, classes):
    session, _ = with_test_rows("flowers")
    document = {**session.data.signature.document(), "classes": [str(k) for k in range(classes)]}
    object.__setattr__(session.data, "signature", session.data.signature.from_document(document))
    targets = session.data.train.targets.clamp(max=1).numpy() if classes == 2 else session.data.train.targets.numpy()
    with threadpool_limits(1):
        assert trees._boosted(session, raw(session.data.train), targets).n_iter_ == rounds


def test_boosting_ends_when_its_time_is_up(monkeypatch):
    session, test = with_test_rows("flowers")
    whole = boosted_trees(session, test)
    monkeypatch.setattr(trees, "MAX_SECONDS", 0.0)
    assert not torch.equal(boosted_trees(session, test), whole)


def test_images_and_series_have_none():
    for name in ("stripes", "waves"):
        assert boosted_trees(*with_test_rows(name)) is None
