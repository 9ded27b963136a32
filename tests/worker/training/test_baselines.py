"""Simple predictors are what their names say."""

import numpy as np
import pytest
import torch

from tests.worker.training.material import session_for
from worker.training.baselines import BASELINES, answers
from worker.training.baselines.constant import majority, mean
from worker.training.baselines.features import MAX_ROWS, evenly_spaced, matrix
from worker.training.baselines.linear import DECAY, fit_logistic, logistic, ridge
from worker.training.baselines.naive import last_value, seasonal_naive
from worker.training.rows import Rows, prepare

WINDOWS = {"preprocessing": {"series": {"window": 24, "horizon": 2}}}


def with_test_rows(name, **sections):
    session = session_for(name, **sections)
    return session, prepare(session.data.test, session.model)


def test_the_majority_is_the_most_frequent_class_of_the_training_rows():
    session, test = with_test_rows("flowers")
    session.train.targets[:] = torch.tensor([2, 2, 0, 1] * 21)
    answers = majority(session, test)
    assert answers.argmax(1).unique().tolist() == [2]
    assert answers.softmax(1)[0].tolist() == pytest.approx([0.25, 0.25, 0.5])


def test_the_mean_is_that_of_the_training_rows():
    session, test = with_test_rows("prices")
    assert torch.allclose(mean(session, test), session.train.targets.mean().expand(len(test), 1))


def test_ridge_finds_a_linear_law():
    session, test = with_test_rows("prices")
    assert session.evaluation.scores(ridge(session, test), test.targets)["r2"] > 0.99


def test_ridge_is_least_squares():
    session, test = with_test_rows("prices")
    inputs, targets = matrix(session.train, session.model).double(), session.train.targets.double()
    gram = inputs.T @ inputs + 1e-3 * len(inputs) * torch.eye(inputs.shape[1], dtype=torch.float64)
    weights = np.linalg.solve(gram.numpy(), (inputs.T @ targets).numpy())
    expected = matrix(test, session.model).double() @ torch.from_numpy(weights)
    assert torch.allclose(ridge(session, test).double(), expected, atol=1e-5)


def test_logistic_regression_is_where_its_loss_is_flat():
    session, test = with_test_rows("flowers")
    assert session.evaluation.scores(logistic(session, test), test.targets)["accuracy"] > 0.8
    inputs, targets = matrix(session.train, session.model), session.train.targets
    weights = fit_logistic(inputs, targets, num_classes=3).requires_grad_()
    loss = torch.nn.functional.cross_entropy(inputs @ weights, targets) + DECAY / 2 * weights.square().sum()
    loss.backward()
    assert weights.grad.abs().max().item() < 1e-3


def test_linear_predictors_see_numbers_categories_and_a_constant():
    session, test = with_test_rows("flowers")
    columns = matrix(test, session.model)
    indicators = session.data.signature.num_numbers
    assert columns.shape == (len(test), indicators + session.data.signature.cardinalities[0] + 1)
    assert columns[:, -1].unique().tolist() == [1.0]


def test_linear_predictors_see_pixels():
    session, test = with_test_rows("stripes")
    assert matrix(test, session.model).shape == (len(test), 65)
    assert session.evaluation.scores(logistic(session, test), test.targets)["accuracy"] > 0.9


def test_linear_predictors_learn_from_evenly_spaced_rows_of_large_data():
    values = torch.arange(3 * MAX_ROWS)
    chosen = evenly_spaced(Rows({"numbers": values[:, None]}, values, is_ready=True))
    assert len(chosen) == MAX_ROWS
    assert (chosen.targets[0], chosen.targets[-1]) == (0, 3 * MAX_ROWS - 1)


def test_what_has_too_many_columns_has_no_linear_predictor(monkeypatch):
    session, test = with_test_rows("stripes")
    monkeypatch.setattr("worker.training.baselines.linear.MAX_COLUMNS", 64)
    assert logistic(session, test) is None
    assert [name for name, _ in answers(session, test)] == ["majority"]


def past(session):
    signature = session.data.signature
    return (session.data.test.inputs["series"][:, :, 0] - signature.target_mean) / signature.target_std


def test_the_last_value_stands_for_all_rows_ahead():
    session, test = with_test_rows("waves", **WINDOWS)
    expected = past(session)[:, -1:].expand(-1, 2)
    assert torch.equal(last_value(session, test), expected)


def test_the_season_is_found_on_the_training_rows():
    session, test = with_test_rows("waves", **WINDOWS)
    assert torch.equal(seasonal_naive(session, test), past(session)[:, 12:14])
    naive = session.evaluation.scores(seasonal_naive(session, test), test.targets)["rmse"]
    assert naive < session.evaluation.scores(last_value(session, test), test.targets)["rmse"]


def test_a_window_shorter_than_a_season_has_no_seasonal_forecast():
    session, test = with_test_rows("waves", preprocessing={"series": {"window": 1, "horizon": 2}})
    assert seasonal_naive(session, test) is None


@pytest.mark.parametrize(
    ("name", "task"), [("flowers", "classification"), ("prices", "regression"), ("waves", "forecasting")]
)
def test_every_task_has_its_predictors(name, task):
    session, test = with_test_rows(name)
    told = dict(answers(session, test))
    assert list(told) == [name for name in BASELINES[task] if name != "bag_of_words"]
    assert all(outputs.shape == (len(test), session.data.signature.num_outputs) for outputs in told.values())
