"""Hooks do nothing by default, and several callbacks are as one."""

import inspect
from pathlib import Path

import numpy as np
import pytest

from tests.worker.training.material import Recording
from worker.training import Callback, Finding, Histograms, Order, Progress, SavedCheckpoint
from worker.training.callbacks import Callbacks

EVENTS = {
    "on_phase": ("training",),
    "on_resolved": (None, {"parameters": 3}),
    "on_step": (Progress(0.5, 1, 2, 3, 6),),
    "on_metrics": ({},),
    "on_histograms": (Histograms(3, 0.0, [], np.zeros((0, 5)), np.zeros((0, 64))),),
    "on_checkpoint": (SavedCheckpoint(3, 1, frozenset({"latest"}), {}, [], Path(), ""),),
    "on_warning": ("code", "message"),
    "on_finding": (Finding("overfitting", "warning", 3, "It rises.", {}, "Drop more.", None),),
    "on_sign": (),
    "on_rewound": (3,),
}


def hooks():
    return {name for name, _ in inspect.getmembers(Callback, inspect.isfunction) if name.startswith("on_")}


def test_every_hook_is_known_here():
    assert hooks() == set(EVENTS)


@pytest.mark.parametrize("hook", sorted(EVENTS))
def test_a_hook_does_nothing_by_default(hook):
    assert getattr(Callback(), hook)(*EVENTS[hook]) is None


@pytest.mark.parametrize("hook", sorted(EVENTS))
def test_every_member_is_told(hook):
    heard = []

    class Hearing(Callback):
        pass

    setattr(Hearing, hook, lambda self, *arguments: heard.append((self, arguments)))
    members = (Hearing(), Hearing())
    getattr(Callbacks(members), hook)(*EVENTS[hook])
    assert heard == [(member, EVENTS[hook]) for member in members]


def test_nobody_orders_anything_by_default():
    assert Callback().order() is None
    assert Callbacks(()).order() is None


def test_the_first_order_counts():
    asked = (Recording(), Recording(order=Order.STOP), Recording(order=Order.CANCEL))
    assert Callbacks(asked).order() is Order.STOP


def test_an_order_may_be_given_by_its_word():
    class Word(Callback):
        def order(self):
            return "drain"

    assert Callbacks((Word(),)).order() is Order.DRAIN
