"""A verdict is as sure as the test rows allow."""

import pytest
import torch

from worker.training.comparison import Contestant, compared, intervals
from worker.training.intervals import Resamples, wilson
from worker.training.metrics import Classified, Measured


def classifier(name, right, *, rows, metrics=("accuracy",)):
    """A contestant that is right on the first so many rows."""
    targets = torch.arange(rows) % 2
    chosen = torch.where(torch.arange(rows) < right, targets, 1 - targets)
    judged = Classified(torch.eye(2)[chosen], targets)
    return Contestant.of(name, judged, metrics, Resamples(rows))


def forecaster(name, error, *, rows=100):
    noise = torch.randn(rows, 1, generator=torch.Generator().manual_seed(0))
    judged = Measured(error * noise, torch.zeros(rows, 1))
    return Contestant.of(name, judged, ("rmse",), Resamples(rows))


def verdict(network, *rivals, rows, task="classification"):
    return compared(network, rivals, Resamples(rows), task=task)


def test_far_better_beats():
    told = verdict(classifier("network", 95, rows=100), classifier("logistic_regression", 60, rows=100), rows=100)
    assert (told["beats_baselines"], told["standing"]) == (True, "beats")
    assert told["difference"]["value"] == pytest.approx(0.35)
    assert told["difference"]["interval"] == pytest.approx([0.26, 0.45], abs=0.02)
    assert told["verdict"].startswith(
        "With accuracy 0.95 on the test rows the network beats the best simple predictor, logistic regression, "
        "which has 0.6: the difference of 0.35 is more than chance explains (95 % interval 0.2"
    )


def test_far_worse_loses():
    told = verdict(classifier("network", 60, rows=100), classifier("boosted_trees", 95, rows=100), rows=100)
    assert (told["beats_baselines"], told["standing"]) == (False, "loses")
    assert "loses to the best simple predictor, boosted trees" in told["verdict"]


def test_one_row_more_is_on_a_par():
    told = verdict(classifier("network", 24, rows=30), classifier("majority", 23, rows=30), rows=30)
    assert (told["beats_baselines"], told["standing"]) == (False, "on_a_par")
    assert "is on a par with" in told["verdict"]
    assert "could be chance" in told["verdict"]


def test_equal_answers_are_on_a_par():
    told = verdict(classifier("network", 24, rows=30), classifier("majority", 24, rows=30), rows=30)
    assert (told["standing"], told["difference"]["value"]) == ("on_a_par", 0)
    assert told["verdict"].endswith("which has 0.8: they score the same.")


def test_right_everywhere_beats_wrong_everywhere():
    told = verdict(classifier("network", 30, rows=30), classifier("majority", 0, rows=30), rows=30)
    assert (told["standing"], told["difference"]["interval"]) == ("beats", [1.0, 1.0])


def test_the_same_draws_make_a_small_but_steady_difference_sure():
    told = verdict(forecaster("network", 1.0), forecaster("last_value", 1.05), rows=100, task="forecasting")
    apart = forecaster("network", 1.0).intervals["rmse"], forecaster("last_value", 1.05).intervals["rmse"]
    assert apart[0][1] > apart[1][0]  # the intervals of the two overlap
    assert told["standing"] == "beats"


def test_a_trifle_is_no_victory_however_sure():
    told = verdict(forecaster("network", 1.0), forecaster("last_value", 1.004), rows=100, task="forecasting")
    assert told["difference"]["interval"][1] < 0
    assert told["standing"] == "on_a_par"
    assert "is negligible" in told["verdict"]


def test_errors_are_better_when_smaller():
    told = verdict(forecaster("network", 2.0), forecaster("last_value", 1.0), rows=100, task="forecasting")
    assert told["standing"] == "loses"


def test_the_best_of_the_rivals_counts():
    rivals = [classifier("majority", 50, rows=100), classifier("boosted_trees", 90, rows=100)]
    assert verdict(classifier("network", 70, rows=100), *rivals, rows=100)["difference"]["baseline"] == "boosted_trees"


def test_without_the_decisive_metric_the_first_one_decides():
    asked = ("f1_macro", "auroc")
    network = classifier("network", 90, rows=100, metrics=asked)
    told = verdict(network, classifier("majority", 50, rows=100, metrics=asked), rows=100)
    assert told["difference"]["metric"] == "f1_macro"


def test_without_rivals_there_is_no_verdict():
    told = verdict(classifier("network", 90, rows=100), rows=100)
    assert (told["beats_baselines"], told["standing"]) == (None, None)


def test_the_interval_of_the_accuracy_has_a_width_even_without_a_mistake():
    whole = classifier("network", 20, rows=20, metrics=("accuracy", "f1_macro"))
    assert whole.intervals == {"accuracy": wilson(1.0, 20)}


def test_a_score_lies_in_its_interval():
    judged = classifier("network", 70, rows=100).judged
    names = ("accuracy", "f1_macro", "auroc", "balanced_accuracy", "matthews")
    found = intervals(judged, names, Resamples(100))
    assert set(found) == set(names)
    assert found["accuracy"][0] < 0.7 < found["accuracy"][1]
