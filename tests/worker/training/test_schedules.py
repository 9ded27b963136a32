"""Learning rates, against the formula and against PyTorch's schedulers."""

import json
import math
from typing import get_args

import pytest
import torch
from torch.optim import lr_scheduler as lr

from models.errors import InvalidSpec
from models.spec import parse
from models.spec import schedule as specs
from tests.worker.training.material import session_for
from worker.training import schedules
from worker.training.plan import Plan

PLAN = Plan(num_rows=100, batch_size=10, epochs=10)  # 10 steps an epoch, 100 in all


EACH = sorted(kind.model_fields["type"].default for kind in schedules.SCHEDULES)


def spec_of(**schedule):
    return parse({"data": {"dataset": "x"}, "schedule": schedule}).schedule


def factors(plan=PLAN, **schedule):
    factor = schedules.build(spec_of(**schedule), plan)
    return [factor(step) for step in range(plan.total_steps)]


def test_every_schedule_of_the_spec_can_be_built_and_no_other():
    assert set(schedules.SCHEDULES) == set(get_args(get_args(specs.AnySchedule)[0]))


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


def rates_of_pytorch(build, *, steps=100):
    """The rates of a scheduler of PyTorch on an optimizer whose own is 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = build(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("schedule", "reference"),
    [
        ({"type": "step", "every": "30 steps", "gamma": 0.5}, lambda of: lr.StepLR(of, 30, gamma=0.5)),
        ({"type": "multistep", "milestones": ["20%", "6 epochs"]}, lambda of: lr.MultiStepLR(of, [20, 60], gamma=0.1)),
        ({"type": "exponential", "gamma": 0.9, "every": "1 step"}, lambda of: lr.ExponentialLR(of, 0.9)),
        (
            {"type": "cosine", "warmup": "0%", "final": 0.1},
            lambda of: lr.CosineAnnealingLR(of, 99, eta_min=0.1),
        ),
        (
            {"type": "cosine_restarts", "period": "25 steps", "final": 0.2},
            lambda of: lr.CosineAnnealingWarmRestarts(of, 25, eta_min=0.2),
        ),
        (
            {"type": "cosine_restarts", "period": "1 epoch", "multiplier": 2},
            lambda of: lr.CosineAnnealingWarmRestarts(of, 10, 2),
        ),
        ({"type": "linear", "warmup": "0%", "final": 0.25}, lambda of: lr.LinearLR(of, 1.0, 0.25, 99)),
        ({"type": "polynomial", "warmup": "0%", "power": 3.0}, lambda of: lr.PolynomialLR(of, 99, 3.0)),
        ({"type": "one_cycle"}, lambda of: lr.OneCycleLR(of, 1.0, 100)),
        (
            {"type": "one_cycle", "rise": "2 epochs", "start": 0.1, "final": 0.001},
            lambda of: lr.OneCycleLR(of, 1.0, 100, pct_start=0.2, div_factor=10, final_div_factor=100),
        ),
    ],
)
def test_the_rates_are_those_of_pytorch(schedule, reference):
    assert factors(**schedule) == pytest.approx(rates_of_pytorch(reference), rel=1e-6, abs=1e-9)


def test_wsd_stays_until_the_last_part_and_then_falls():
    rates = factors(type="wsd", warmup="0%", decay="25 steps", shape="linear", final=0.5)
    assert rates[:75] == [1.0] * 75
    assert rates[75:] == pytest.approx([1 - 0.5 * step / 25 for step in range(1, 26)])
    falls = {shape: factors(type="wsd", warmup="0%", decay="20%", shape=shape) for shape in ("sqrt", "cosine")}
    assert falls["sqrt"][84] == pytest.approx(1 - math.sqrt(5 / 20))
    assert falls["cosine"][84] == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    assert falls["sqrt"][99] == falls["cosine"][99] == 0.0


def test_inverse_sqrt_is_one_at_the_end_of_the_warmup_and_half_of_it_after_four_times_the_steps():
    rates = factors(type="inverse_sqrt", warmup="9 steps")
    assert rates[8:10] == pytest.approx([0.9, 1.0])
    assert rates[39] == pytest.approx(0.5)


LOSSES = [5, 4, 4, 4.5, 3, 3.2, 3.1, 3.05, 2.95, 2.94, 2.93, 9, 9, 9, 9, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("schedule", "reference"),
    [
        ({"patience": 1}, {"patience": 1}),
        ({"patience": 0, "factor": 0.5, "minimum": 0.2}, {"patience": 0, "factor": 0.5, "min_lr": 0.2}),
        ({"patience": 1, "min_delta": 0.1}, {"patience": 1, "threshold": 0.1}),
        ({"patience": 1, "cooldown": 2}, {"patience": 1, "cooldown": 2}),
        ({"patience": 1, "monitor": "validation/accuracy"}, {"patience": 1, "mode": "max"}),
    ],
)
def test_a_plateau_lowers_the_rate_when_pytorch_does(schedule, reference):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = lr.ReduceLROnPlateau(optimizer, **{"threshold": 0.0, "threshold_mode": "abs", "eps": 0.0, **reference})
    ours = schedules.build(spec_of(type="plateau", **schedule), PLAN)
    monitor = schedule.get("monitor", "validation/loss")
    seen, expected = [], []
    for value in LOSSES:
        theirs.step(value)
        ours.observe({monitor: float(value)})
        seen.append(ours(50))
        expected.append(optimizer.param_groups[0]["lr"])
    assert seen == pytest.approx(expected)
    assert len(set(seen)) > 1


def test_a_plateau_bears_what_is_not_finite_as_no_improvement():
    ours = schedules.build(spec_of(type="plateau", patience=1), PLAN)
    for value in (math.nan, math.inf):
        ours.observe({"validation/loss": value})
    assert ours(0) == pytest.approx(0.1)


@pytest.mark.parametrize("cut", range(len(LOSSES)))
def test_a_plateau_goes_on_from_its_state_at_any_epoch(cut):
    spec = spec_of(type="plateau", patience=1, cooldown=1, factor=0.5)
    whole, first, second = (schedules.build(spec, PLAN) for _ in range(3))
    for epoch, value in enumerate(LOSSES):
        if epoch == cut:
            second.restore(json.loads(json.dumps(first.state())))
        for schedule in (whole, first if epoch < cut else second):
            schedule.observe({"validation/loss": value})
    assert second.state() == whole.state()


def test_the_others_have_no_state():
    for kind in schedules.SCHEDULES:
        schedule = schedules.build(kind(), PLAN)
        assert (schedule.state() is not None) is (kind is specs.Plateau)


@pytest.mark.parametrize("name", [name for name in EACH if name != "one_cycle"])
def test_every_schedule_rises_linearly_through_its_warmup(name):
    rates = factors(type=name, warmup="4 steps")
    assert rates[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_the_wave_begins_where_the_warmup_ends():
    rates = factors(type="cosine", warmup="10%", final=0.0)
    assert rates[10] == 1.0
    assert rates[99] == 0.0


@pytest.mark.parametrize("name", EACH)
def test_a_run_of_one_step_has_a_rate(name):
    warmup = {} if name == "one_cycle" else {"warmup": "0%"}
    (rate,) = factors(Plan(num_rows=5, batch_size=5, epochs=1), type=name, **warmup)
    assert 0 < rate <= 1


@pytest.mark.parametrize(
    ("schedule", "pointer"),
    [
        ({"type": "plateau", "factor": 1.0}, "#/schedule/factor"),
        ({"type": "plateau", "patience": -1}, "#/schedule/patience"),
        ({"type": "plateau", "monitor": "train/loss"}, "#/schedule/monitor"),
        ({"type": "wsd", "decay": "0%"}, "#/schedule/decay"),
        ({"type": "wsd", "shape": "cube"}, "#/schedule/shape"),
        ({"type": "cosine_restarts", "period": "0 steps"}, "#/schedule/period"),
        ({"type": "cosine_restarts", "multiplier": 0}, "#/schedule/multiplier"),
        ({"type": "one_cycle", "warmup": "5%"}, "#/schedule/warmup"),
        ({"type": "one_cycle", "start": 1.5}, "#/schedule/start"),
    ],
)
def test_what_means_nothing_is_refused(schedule, pointer):
    with pytest.raises(InvalidSpec) as caught:
        spec_of(**schedule)
    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_a_plateau_of_what_is_not_measured_is_refused():
    with pytest.raises(InvalidSpec, match="these are: validation/loss, validation/rmse"):
        session_for("prices", schedule={"type": "plateau", "monitor": "validation/accuracy"})


def test_the_rate_of_a_step_does_not_depend_on_the_steps_asked_before():
    spec = parse({"data": {"dataset": "x"}, "schedule": "cosine"}).schedule
    factor = schedules.build(spec, PLAN)
    assert [factor(step) for step in reversed(range(100))] == factors(type="cosine")[::-1]
