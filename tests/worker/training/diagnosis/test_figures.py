"""Looks: means over the steps since the last one, whatever portions the steps were read in, kept by checkpoints."""

import math

import numpy as np

from worker.training.diagnosis.figures import History

LOSSES = np.array([3.0, 2.0, 1.0])
NORMS = np.array([1.0, 10.0, 100.0])


def test_a_look_takes_down_means_and_begins_anew():
    history = History()
    history.take_in(LOSSES, NORMS)
    look = history.look(step=3, epoch=1, validation_loss=1.5)
    assert (look.train_loss, look.largest_gradient_norm) == (2.0, 100.0)
    assert math.isclose(look.gradient_norm, 10.0)
    assert history.look(step=3, epoch=1, validation_loss=1.5) is None
    assert history.looks == [look]


def test_it_does_not_matter_how_many_steps_are_read_at_a_time():
    random = np.random.default_rng(0)
    losses, norms = random.random(1000), random.random(1000)
    whole, pieces = History(), History()
    whole.take_in(losses, norms)
    for start in range(0, 1000, 7):
        pieces.take_in(losses[start : start + 7], norms[start : start + 7])
    assert whole == pieces


def test_a_checkpoint_keeps_it_also_where_a_score_had_no_meaning():
    history = History(found=["overfitting"])
    history.take_in(LOSSES, NORMS)
    history.look(step=3, epoch=1, validation_loss=math.nan)
    history.take_in(LOSSES, NORMS)
    again = History.restored(history.state())
    assert math.isnan(again.looks[0].validation_loss)
    assert again.state() == history.state()


def test_a_gradient_of_nothing_has_a_logarithm():
    history = History()
    history.take_in(np.array([1.0]), np.array([0.0]))
    assert history.look(step=1, epoch=1, validation_loss=1.0).gradient_norm < 1e-300
