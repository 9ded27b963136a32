"""Learning rates by hand."""

import math
from typing import get_args

import pytest

from models.spec import parse
from models.spec.schedule import AnySchedule
from worker.training import schedules
from worker.training.plan import Plan

PLAN = Plan(num_rows=100, batch_size=10, epochs=10)  # 10 steps an epoch, 100 in all


def factors(plan=PLAN, **schedule):
    spec = parse({"data": {"dataset": "x"}, "schedule": schedule}).schedule
    factor = schedules.build(spec, plan)
    return [factor(step) for step in range(plan.total_steps)]


def test_every_schedule_of_the_spec_can_be_built_and_no_other():
    assert set(schedules.SCHEDULES) == set(get_args(get_args(AnySchedule)[0]))


def test_constant():
    assert factors(type="constant") == [1.0] * 100


def test_step_drops_after_every_so_many_steps():
    rates = factors(type="step", every="3 epochs", gamma=0.5)
    assert rates == [0.5 ** (step // 30) for step in range(100)]
    assert factors(type="step", every="30%", gamma=0.5) == rates == factors(type="step", every="30 steps", gamma=0.5)


def test_multistep_drops_at_each_milestone():
    rates = factors(type="multistep", milestones=["75%", "5 epochs"], gamma=0.1)
    assert (rates[49], rates[50], rates[74], rates[75]) == (1.0, 0.1, 0.1, pytest.approx(0.01))


def test_exponential_decays_smoothly_by_gamma_an_epoch():
    rates = factors(type="exponential", gamma=0.9)
    assert rates[10] == pytest.approx(0.9)
    assert rates[5] == pytest.approx(math.sqrt(0.9))
    assert rates[99] == pytest.approx(0.9**9.9)


def test_cosine_falls_from_one_to_its_final_factor():
    rates = factors(type="cosine", warmup="0%", final=0.1)
    assert rates[0] == 1.0
    assert rates[99] == pytest.approx(0.1)
    assert rates[33] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 3)) / 2)


def test_linear_is_a_straight_line():
    rates = factors(type="linear", warmup="0%", final=0.01)
    assert rates[0] == 1.0
    assert rates[99] == pytest.approx(0.01)
    assert rates[33] == pytest.approx(1 - 0.99 / 3)


def test_polynomial_is_a_power_of_what_is_left():
    rates = factors(type="polynomial", warmup="0%", power=2.0)
    assert rates[33] == pytest.approx((2 / 3) ** 2)
    assert rates[99] == 0.0


@pytest.mark.parametrize("name", ["constant", "step", "multistep", "exponential", "cosine", "linear", "polynomial"])
def test_every_schedule_rises_linearly_through_its_warmup(name):
    rates = factors(type=name, warmup="4 steps")
    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_the_wave_begins_where_the_warmup_ends():
    rates = factors(type="cosine", warmup="10%", final=0.0)
    assert rates[10] == 1.0
    assert rates[99] == 0.0


@pytest.mark.parametrize("name", ["step", "multistep", "exponential", "cosine", "linear", "polynomial"])
def test_a_run_of_one_step_has_a_rate(name):
    assert factors(Plan(num_rows=5, batch_size=5, epochs=1), type=name, warmup="0%") == [1.0]


def test_the_rate_of_a_step_does_not_depend_on_the_steps_asked_before():
    spec = parse({"data": {"dataset": "x"}, "schedule": "cosine"}).schedule
    factor = schedules.build(spec, PLAN)
    assert [factor(step) for step in reversed(range(100))] == factors(type="cosine")[::-1]
