"""Looks at a run at the end of some epochs, and tells what the rules find, each rule once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.training.callbacks import Callback, Finding
from worker.training.diagnosis.figures import Layer
from worker.training.diagnosis.layers import LayerProbe
from worker.training.diagnosis.remedies import remedy
from worker.training.diagnosis.rules import RULES, Case, Evidence
from worker.training.diagnosis.units import Listener
from worker.training.session import Session

MOST_LOOKS: Final = 24


class Examiner:
    """Examines one session. It changes nothing in the run and draws no random numbers.

    What it decides is a function of the steps alone, so that a resumed run stops where an undisturbed one does.
    """

    def __init__(self, session: Session, callback: Callback) -> None:
        self._session = session
        self._callback = callback
        wanted = session.spec.diagnosis
        self._rules = [(name, rule) for name, rule in RULES.items() if getattr(wanted, name) != "off"]
        plan = session.plan
        self._every_epochs = math.ceil(plan.total_steps / plan.steps_per_epoch / (MOST_LOOKS - 2)) or 1
        self._probe = LayerProbe(session.model.network)
        self._listen = Listener(session)
        self._layers: list[Layer] = []

    def is_due(self, step: int) -> bool:
        """Whether to look behind this step, counted from 1: at the end of the first epoch and of some after it."""
        epoch, position = divmod(step, self._session.plan.steps_per_epoch)
        return bool(self._rules) and position == 0 and (epoch == 1 or epoch % self._every_epochs == 0)

    def take_in(self, columns: Mapping[str, NDArray[np.float64]]) -> None:
        """Note the losses and norms of steps that were read from the device."""
        if self._rules:
            self._session.history.take_in(columns["train/loss"], columns["train/gradient_norm"])

    def see_gradients(self, step: int) -> None:
        """Measure the gradients before they are used up."""
        if self.is_due(step):
            self._probe.see_gradients()

    def see_weights(self) -> None:
        """Measure the weights behind the step."""
        self._layers = self._probe.see_weights() or self._layers

    @property
    def has_stopped(self) -> bool:
        """Whether a rule that may stop the run has found something, in this attempt or in one before."""
        return any(getattr(self._session.spec.diagnosis, name) == "stop" for name in self._session.history.found)

    def look(self, *, step: int, epoch: int, validation_loss: float) -> None:
        """Judge the run behind a step whose losses have been taken in."""
        session, history = self._session, self._session.history
        if history.look(step=step, epoch=epoch, validation_loss=validation_loss) is None:
            return
        with session.as_validated():
            units, answers = self._listen()
        case = Case(
            spec=session.spec,
            looks=history.looks,
            layers=self._layers,
            units=units,
            answers=answers,
            fraction=step / session.plan.total_steps,
            begins_good=session.spec.init_from is not None or session.data.signature.task == "forecasting",
        )
        for name, rule in self._rules:
            if name not in history.found and (evidence := rule.judge(case)) is not None:
                history.found.append(name)
                self._callback.on_finding(self._finding(name, rule.severity, evidence, step=step))

    def _finding(self, name: str, severity: str, evidence: Evidence, *, step: int) -> Finding:
        advice, patch = remedy(name, self._session.spec, evidence.variant)
        return Finding(
            rule=name,
            severity=severity,
            step=step,
            message=evidence.message,
            evidence=evidence.figures,
            advice=advice,
            patch=patch,
        )
