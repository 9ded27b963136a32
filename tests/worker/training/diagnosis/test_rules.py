"""Each rule at its threshold: what it lets pass, and what it finds."""

import math

import pytest

from tests.worker.training.material import SOURCES, spec_for
from worker.training.diagnosis.figures import Answers, Layer, Look, Units
from worker.training.diagnosis.rules import RULES, Case

SPEC = spec_for("flowers", SOURCES["flowers"]())


def look(*, train=1.0, validation=1.0, norm=1.0, largest=1.0, epoch=1):
    return Look(10 * epoch, epoch, train, validation, norm, largest)


def case(*, looks=None, layers=(), units=(), answers=None, fraction=0.2, begins_good=False):
    return Case(SPEC, looks or [look()], layers, units, answers, fraction, begins_good)


def layers(*gradients, weight=1.0, update=1e-3):
    return [Layer(f"layers.{place}", weight, gradient, update) for place, gradient in enumerate(gradients)]


def curve(*losses, train=None):
    train = train or [1 / (place + 1) for place in range(len(losses))]
    pairs = enumerate(zip(train, losses, strict=True), start=1)
    return [look(train=one, validation=other, epoch=place) for place, (one, other) in pairs]


FOUND = {
    "vanishing_gradient": [case(layers=layers(0.9e-4, 0.1, 1.0)), case(layers=layers(1.0, 0.0, 0.1))],
    "exploding_gradient": [case(looks=[look(norm=1001)]), case(looks=[look(norm=0.5, largest=501)])],
    "dead_units": [case(units=[Units("a", dead=0.1), Units("b", dead=0.51)])],
    "saturated_units": [case(units=[Units("a", saturated=0.51)])],
    "loss_not_decreasing": [case(looks=curve(1, 1, 1, 1, train=[2, 2, 2, 1.981]))],
    "overfitting": [case(looks=curve(1, 0.5, 0.56, 0.57, 0.58))],
    "update_size": [case(layers=layers(1, 1, 1, update=0.51)), case(layers=layers(1, 1, 1, update=0.9e-8))],
    "constant_output": [
        case(looks=curve(1, 1, 1), answers=Answers(1, 3, is_classes=True)),
        case(looks=curve(1, 1, 1), answers=Answers(0.009, 1.0, is_classes=False)),
    ],
}
PASSED = {
    "vanishing_gradient": [case(layers=layers(1.1e-4, 0.1, 1.0)), case(layers=layers(0.0, 1.0)), case()],
    "exploding_gradient": [case(looks=[look(norm=999)]), case(looks=[look(norm=0.5, largest=499)])],
    "dead_units": [case(units=[Units("a", dead=0.5)]), case()],
    "saturated_units": [case(units=[Units("a", saturated=0.5)])],
    "loss_not_decreasing": [
        case(looks=curve(1, 1, 1, 1, train=[2, 2, 2, 1.979])),
        case(looks=curve(1, 1, 1, train=[2, 2, 2])),
        case(looks=curve(1, 1, 1, 1, train=[2, 2, 2, 2]), begins_good=True),
    ],
    "overfitting": [
        case(looks=curve(1, 0.5, 0.54, 0.57, 0.58)),
        case(looks=curve(1, 0.5, 0.56, 0.57, 0.58, train=[1, 0.4, 0.4, 0.4, 0.4])),
        case(looks=curve(1, 0.01, 0.015, 0.015, 0.015)),
        case(looks=curve(1, 0.5, 0.56, math.nan, 0.58)),
    ],
    "update_size": [
        case(layers=layers(1, 1, 1, update=0.49)),
        case(layers=layers(1, 1, 1, update=1.1e-8)),
        case(layers=layers(1, 1, 1, update=0.0), fraction=0.9),
    ],
    "constant_output": [
        case(looks=curve(1, 1), answers=Answers(1, 3, is_classes=True)),
        case(looks=curve(1, 1, 1), answers=Answers(1, 1, is_classes=True)),
        case(looks=curve(1, 1, 1), answers=Answers(0.011, 1.0, is_classes=False)),
    ],
}


def test_every_rule_is_tried_on_both_sides():
    assert set(FOUND) == set(PASSED) == set(RULES)


@pytest.mark.parametrize(("rule", "given"), [(rule, one) for rule, cases in FOUND.items() for one in cases])
def test_trouble_is_found(rule, given):
    evidence = RULES[rule].judge(given)
    assert evidence is not None
    assert evidence.message.endswith(".")
    assert evidence.figures


@pytest.mark.parametrize(("rule", "given"), [(rule, one) for rule, cases in PASSED.items() for one in cases])
def test_what_is_well_passes(rule, given):
    assert RULES[rule].judge(given) is None


def test_a_loss_that_stands_still_because_steps_are_tiny_is_told_apart_from_one_that_is_thrown_about():
    still = curve(1, 1, 1, 1, train=[2, 2, 2, 2])
    judge = RULES["loss_not_decreasing"].judge
    assert judge(case(looks=still, layers=layers(1, 1, 1, update=1e-9))).variant == "small"
    assert judge(case(looks=still, layers=layers(1, 1, 1, update=0.1))).variant == "large"
