"""How long a run is."""

import pytest

from models.spec import parse
from worker.training.plan import Counters, Plan


@pytest.mark.parametrize(
    ("rows", "batch", "steps"),
    [
        (100, 10, 10),
        (102, 10, 11),  # the last batch is short
        (101, 10, 10),  # a single row left over waits for the next epoch
        (3, 10, 1),
        (3, 1, 3),
        (1, 1, 1),
        (7, 7, 1),
    ],
)
def test_an_epoch_is_cut_into_batches(rows, batch, steps):
    assert Plan(num_rows=rows, batch_size=batch, epochs=1).steps_per_epoch == steps


def plan_for(rows=100, **training):
    return Plan.of(parse({"data": {"dataset": "x"}, "training": {"batch_size": 10, **training}}), num_rows=rows)


def test_a_run_has_its_epochs_times_their_steps():
    assert plan_for(epochs=7).total_steps == 70


def test_max_steps_ends_a_run_sooner_and_never_later():
    assert plan_for(epochs=7, max_steps=33).total_steps == 33
    assert plan_for(epochs=7, max_steps=99).total_steps == 70


def test_the_full_batch_is_every_row():
    assert plan_for(batch_size="full").batch_size == 100
    assert plan_for(batch_size="full").steps_per_epoch == 1


def test_a_batch_is_never_larger_than_the_data():
    assert plan_for(rows=8, batch_size=32).batch_size == 8


def test_amounts_of_progress_are_steps_of_the_plan():
    plan = plan_for(epochs=7)
    assert [plan.num_steps(amount) for amount in ("10%", "2 epochs", "5 steps")] == [7, 20, 5]


def test_a_spec_that_is_not_resolved_has_no_plan():
    with pytest.raises(ValueError, match="not resolved"):
        plan_for(batch_size="auto")


def test_counters_count():
    counters = Counters()
    counters.next_step()
    counters.next_step()
    counters.next_epoch()
    counters.next_step()
    assert (counters.epoch, counters.position, counters.step) == (1, 1, 3)
